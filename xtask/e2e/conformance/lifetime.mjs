// Connections that are cut, stalled, stopped or left, and servers that go away.

import { Proxy, Server, assert, equal, until } from "../harness.mjs";

const LINGERS = new Set(["webSockets", "serverSentEvents", "foreverFrame"]);

/** The life of a connection as the server has seen it, asked by another one. */
const life = (witness, id) => witness.call("Events", id);

/** Chromium does not tell of a frame that broke off: only the missing keep-alives do, and soon ones. */
const cuttable = (world) => Proxy.before(world.transport === "foreverFrame" ? world.hasty : world.url);

async function cut(world) {
  const proxy = await cuttable(world);
  const there = (server) => world.conformance(["tick", "groupMessage"], { server });
  await world.using([there(proxy.url), there(proxy.target)], async (c, witness) => {
    const group = `cut ${c.id}`;
    await c.call("Join", group);
    await c.call("StartTicks", 60, 25);
    await c.values("tick", 5);
    proxy.cut();
    await c.logs("reconnecting");
    await witness.call("SendGroup", group, "while away");
    proxy.heal();
    await c.logs("reconnected", 20_000);
    equal(await c.values("tick", 60), Array.from({ length: 60 }, (_, i) => i + 1), "ticks");
    await c.hears("groupMessage", [group, "while away"]);
    await witness.call("SendGroup", group, "still a member");
    await c.hears("groupMessage", [group, "still a member"]);
    equal(await c.heard("groupMessage"), [[group, "while away"], [group, "still a member"]], "messages to the group");
    equal(await c.property("id"), c.id, "connection id");
    equal((await c.record("states")).slice(0, 4), ["connecting", "connected", "reconnecting", "connected"], "states");
    equal((await life(witness, c.id)).filter((event, i, all) => event !== all[i - 1]), ["connected", "reconnected"], "life of the connection");
    equal((await c.call("request")).connectionId, c.id, "connection id of a call");
  });
  await proxy.close();
}

/** The stream ends under way, again and again, and every message comes once. */
async function cutOften(world) {
  const proxy = await cuttable(world);
  await world.using([world.conformance(["tick"], { server: proxy.url })], async (c) => {
    await c.call("StartTicks", 400, 15);
    for (const reached of [10, 60]) {
      await c.values("tick", reached);
      const before = (await c.record("log")).length;
      proxy.cut();
      // A browser asks again by itself if a poll was cut before its answer began.
      if (world.transport === "longPolling") await c.logs("reconnecting", 20_000, before);
      proxy.heal();
      await c.logs("reconnected", 20_000, before);
    }
    equal(await c.values("tick", 400), Array.from({ length: 400 }, (_, i) => i + 1), "ticks");
  });
  await proxy.close();
}

async function reconnectPath(world) {
  const proxy = await cuttable(world);
  await world.using([world.connect({ path: "/examine-reconnect", server: proxy.url })], async (c) => {
    proxy.cut();
    await c.logs("reconnecting");
    proxy.heal();
    await c.logs("reconnected", 20_000);
    await c.hears("received", [true]);
  });
  await proxy.close();
}

async function stopped(world) {
  await world.using([world.conformance(), world.conformance()], async (c, witness) => {
    const before = Date.now();
    await c.stop();
    await until("the server knows that it was stopped", async () => (await life(witness, c.id)).includes("disconnected:true"), 3000);
    assert(Date.now() - before < 3000, "it took too long");
    equal(await life(witness, c.id), ["connected", "disconnected:true"], "life of the connection");
    equal((await c.record("log")).slice(-2), ["disconnected", "disconnected"], "state, then event");
    const first = c.id;
    await c.start();
    assert(c.id !== first, "the connection id is the old one");
    equal(await c.call("Add", 1, 1), 2, "a call after starting again");
  });
}

/** A page that is left says goodbye, one that crashes can't. */
async function left(world) {
  const [c, witness] = await Promise.all([world.conformance(), world.conformance()]);
  await c.page.goto("about:blank");
  await until("the server knows that the page was left", async () => (await life(witness, c.id)).length > 1, 3000);
  equal(await life(witness, c.id), ["connected", "disconnected:true"], "life of the connection");
  for (const each of [c, witness]) await world.done(each.page);
}

async function crashed(world) {
  const there = () => world.conformance([], { server: world.hasty });
  const [c, witness] = await Promise.all([there(), there()]);
  const gone = new Promise((resolve) => c.page.once("crash", resolve));
  c.page.goto("chrome://crash").catch(() => {});
  await gone;
  const before = Date.now();
  await until("the server gives it up", async () => (await life(witness, c.id)).length > 1, 25_000);
  equal(await life(witness, c.id), ["connected", "disconnected:false"], "life of the connection");
  const least = LINGERS.has(world.transport) ? 10_000 : 5_000;
  assert(Date.now() - before > least, `after ${Date.now() - before} ms already`);
  await c.page.context().close();
  await world.done(witness.page);
}

/** Keep-alives every 2 s: slow after 2.7 s without one, lost after 4. */
async function slow(world) {
  const proxy = await Proxy.before(world.hasty);
  await world.using([world.conformance(["tick"], { server: proxy.url })], async (c) => {
    equal(await c.property("keepAliveWarnAt"), 2 / 3, "keepAliveWarnAt");
    proxy.stall();
    await c.logs("connectionSlow");
    equal((await c.record("states")).at(-1), "connected", "state while slow");
    proxy.flow();
    equal(await c.call("Add", 1, 1), 2, "a call after it");

    const before = (await c.record("log")).length;
    await c.call("StartTicks", 30, 100);
    await c.values("tick", 3);
    proxy.stall();
    await c.logs("reconnecting", 15_000, before);
    proxy.flow();
    await c.logs("reconnected", 15_000, before);
    equal(await c.values("tick", 30), Array.from({ length: 30 }, (_, i) => i + 1), "ticks");
    equal(await c.property("id"), c.id, "connection id");
  });
  await proxy.close();
}

/** Polls that nothing happens in end after ConnectionTimeout, 8 s here, and the next one begins. */
async function idle(world) {
  await world.using([world.conformance(["number"], { server: world.hasty })], async (c) => {
    let polls = 0;
    c.page.on("request", (request) => { polls += request.url().includes("/poll?"); });
    await until("a second poll without any message", () => polls > 1, 25_000);
    await c.call("SendMany", 3);
    equal(await c.values("number", 3), [0, 1, 2], "numbers");
    equal(await c.record("states"), ["connecting", "connected"], "states");
  });
}

const KEY = "17".repeat(32);
const SETTINGS = ["--disconnect-timeout", "6", "--keep-alive", "2", "--key", KEY];

async function killed(world) {
  const server = await Server.start(world.program, SETTINGS);
  try {
    await world.using([world.conformance([], { server: server.url })], async (c) => {
      await server.end();
      await c.logs("reconnecting");
      const before = Date.now();
      await c.logs("disconnected", 20_000);
      const waited = Date.now() - before;
      assert(waited > 4500 && waited < 12_000, `it gave up after ${waited} ms`);
      await c.logs("error: Couldn't reconnect within the configured timeout of 6000 ms, disconnecting.");
    });
  } finally {
    await server.end();
  }
}

/** With the same key, as a program has that is started anew; ended with and without a word. */
async function restarted(world) {
  for (const signal of ["SIGKILL", "SIGTERM"]) {
    const server = await Server.start(world.program, SETTINGS);
    try {
      await world.using([world.conformance(["groupMessage"], { server: server.url })], async (c) => {
        await c.call("Join", "a group");
        await server.end(signal);
        await server.again();
        await c.logs("reconnected", 20_000);
        equal(await c.property("id"), c.id, "connection id");
        // A server that goes may have answered the first attempt to come back.
        const what = `the server started after ${signal} knows the connection`;
        await until(what, async () => [...new Set(await life(c, c.id).catch(() => []))].join() === "reconnected");
        await c.call("SendGroup", "a group", "hello");
        await c.hears("groupMessage", ["a group", "hello"]);
      });
    } finally {
      await server.end();
    }
  }
}

export const checks = [
  { name: "cut off while messages are under way: the same connection, all of them once and in order, groups kept", body: cut, seconds: 6 },
  { name: "cut off again and again: nothing lost, nothing twice", body: cutOften, origin: "same", seconds: 8 },
  { name: "coming back is by /reconnect", body: reconnectPath, origin: "same", seconds: 4 },
  { name: "stop: the server knows at once; starting again gives a new connection", body: stopped },
  { name: "a page that is left has stopped its connection", body: left },
  { name: "a page that crashed is disconnected after the timeout, not before", body: crashed, origin: "same", seconds: 14 },
  { name: "connectionSlow, and reconnecting when it stays so", body: slow, origin: "same", seconds: 10, except: ["longPolling"] },
  { name: "idle polls end and begin again", body: idle, origin: "same", seconds: 17, only: ["longPolling"] },
  { name: "the server is killed: reconnecting, then disconnected after its timeout", body: killed, origin: "same", seconds: 9 },
  { name: "the server is started again: the same connection, its groups with it", body: restarted, origin: "same", seconds: 9 },
];
