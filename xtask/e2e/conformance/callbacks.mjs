// What the server calls: all, others, one, groups; several hubs of one connection; before the client is quite there.

import { assert, equal, until } from "../harness.mjs";

const EVENTS = ["message", "groupMessage", "number", "tick"];

async function targets(world) {
  const three = [1, 2, 3].map(() => world.conformance(EVENTS));
  await world.using(three, async (ann, bob, eve) => {
    const group = `group ${ann.id}+é`;
    const mine = async (c) => (await c.heard("message")).filter(([from]) => [ann.id, bob.id, eve.id].includes(from));
    await ann.call("Broadcast", "to all");
    for (const c of [ann, bob, eve]) await c.hears("message", [ann.id, "to all"]);
    await bob.call("Others", "to others");
    for (const c of [ann, eve]) await c.hears("message", [bob.id, "to others"]);
    await eve.call("SendTo", ann.id, "to one");
    await ann.hears("message", [eve.id, "to one"]);

    await ann.call("Join", group);
    await bob.call("Join", group);
    await bob.call("Join", group);
    await eve.call("SendGroup", group, "to the group");
    await ann.call("SendOthersInGroup", group, "to others in it");
    await bob.hears("groupMessage", [group, "to others in it"]);
    await bob.call("Leave", group);
    await eve.call("SendGroup", group, "to those left in it");
    await ann.hears("groupMessage", [group, "to those left in it"]);

    // One more to everybody: whatever went astray came before it.
    await ann.call("Broadcast", "the end");
    for (const c of [ann, bob, eve]) await c.hears("message", [ann.id, "the end"]);
    equal(await mine(ann), [[ann.id, "to all"], [bob.id, "to others"], [eve.id, "to one"], [ann.id, "the end"]], "what ann got");
    equal(await mine(bob), [[ann.id, "to all"], [ann.id, "the end"]], "what bob got");
    equal(await mine(eve), [[ann.id, "to all"], [bob.id, "to others"], [ann.id, "the end"]], "what eve got");
    equal((await ann.heard("groupMessage")).map(([, m]) => m), ["to the group", "to those left in it"], "what ann got as a member");
    equal((await bob.heard("groupMessage")).map(([, m]) => m).sort(), ["to others in it", "to the group"], "what bob got as a member");
    equal(await eve.heard("groupMessage"), [], "what eve got, who was never a member");
  });
}

async function order(world) {
  await world.using([world.conformance(EVENTS)], async (c) => {
    // Fewer than a thousand, which is how far behind a client may be.
    await c.call("SendMany", 900);
    equal(await c.values("number", 900), Array.from({ length: 900 }, (_, i) => i), "numbers");
    await c.call("StartTicks", 20, 5);
    equal(await c.values("tick", 20), Array.from({ length: 20 }, (_, i) => i + 1), "ticks");
  });
}

async function several(world) {
  const hubs = { conformance: ["message"], echoHub: ["echo"], GROUPchat: ["send"], groupJoiningHub: ["ping"], StatusHub: ["joined", "leave", "pong"] };
  await world.using([world.connect({ hubs })], async (c) => {
    await c.hears("ping", []);
    await c.invoke("echoHub", "EchoCallback", "a callback");
    await c.hears("echo", ["a callback"]);
    equal(await c.invoke("echoHub", "EchoReturn", "a result"), "a result", "result");
    await c.invoke("GROUPchat", "Join", c.id);
    await c.invoke("GROUPchat", "Send", c.id, "for the group");
    await c.hears("send", ["for the group"]);
    await c.invoke("GROUPchat", "Leave", c.id);
    await c.invoke("GROUPchat", "Send", c.id, "for nobody");
    await c.invoke("groupJoiningHub", "PingGroup");
    await c.values("ping", 2);
    await c.invoke("StatusHub", "Ping");
    await c.hears("pong", []);
    assert((await c.heard("joined")).some(([id]) => id === c.id), "it did not hear of itself");
    equal(await c.heard("send"), [["for the group"]], "messages to the group");

    const other = await world.connect({ hubs: { StatusHub: [] } });
    await other.stop();
    await until("it hears that another one left", async () => (await c.heard("leave")).some(([id]) => id === other.id), 5000);
    await world.done(other.page);
  });
}

/** `bufferMe` comes while OnConnected is still running, five seconds before the start is over. */
async function early(world) {
  await world.using([world.connect({ hubs: { onConnectedBufferHub: ["bufferMe", "pong"] }, started: false })], async (c) => {
    await c.page.evaluate(() => {
      const it = window.connections.it;
      it.proxies.onConnectedBufferHub.on("bufferMe", (n) => it.log.push(`bufferMe ${n}`));
    });
    await c.start();
    equal(await c.record("log"), ["connecting", "starting", "connected", "bufferMe 0", "bufferMe 1", "started"], "log");
    await c.invoke("onConnectedBufferHub", "Ping");
    await c.hears("pong", []);
    equal(await c.heard("bufferMe"), [[0], [1]], "what OnConnected sent");
  });
}

async function verifier(world) {
  await world.using([world.connect({ hubs: { connectionDataVerifierHub: ["fail", "pong"] } })], async (c) => {
    await c.invoke("connectionDataVerifierHub", "Ping");
    await c.hears("pong", []);
    equal(await c.heard("fail"), [], "requests without connectionData");
  });
}

async function off(world) {
  await world.using([world.conformance(EVENTS)], async (c) => {
    await c.page.evaluate(() => {
      window.extra = [];
      const proxy = window.connections.it.proxies.conformance;
      window.first = (id, text) => window.extra.push(["first", text]);
      proxy.on("Message", window.first);
      proxy.on("message", (id, text) => window.extra.push(["second", text]));
      proxy.off("message", window.first);
    });
    await c.call("SendTo", c.id, "once");
    await c.hears("message", [c.id, "once"]);
    equal(await c.page.evaluate(() => window.extra.filter(([, text]) => text === "once")), [["second", "once"]], "handlers that were called");
  });
}

export const checks = [
  { name: "all, others, one, groups: exactly those who are meant", body: targets },
  { name: "900 messages to one, in order", body: order },
  { name: "several hubs on one connection, names in any case", body: several },
  { name: "messages sent in OnConnected wait for the start", body: early, origin: "same", seconds: 6 },
  { name: "the hubs are named on every request", body: verifier, origin: "same" },
  { name: "handlers are added and taken off", body: off, origin: "same" },
];
