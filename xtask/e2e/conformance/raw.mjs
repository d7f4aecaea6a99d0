// Connections without hubs: `$.connection("/echo")` and the like.

import { assert, equal, until } from "../harness.mjs";
import { ODD } from "./calls.mjs";

const received = async (c) => (await c.heard("received")).map(([value]) => value);

async function echo(world) {
  await world.using([world.connect({ path: "/echo" })], async (c) => {
    const sent = [...ODD.filter(Boolean), "plain", { a: [1, "é+"] }];
    for (const value of sent) {
      await c.send(value);
      await c.values("received", sent.indexOf(value) + 1);
    }
    equal(await received(c), sent.map((value) => (typeof value === "string" ? value : JSON.stringify(value))), "what came back");
  });
}

async function many(world) {
  await world.using([world.connect({ path: "/multisend" })], async (c) => {
    await c.values("received", 2);
    await c.send("x");
    equal(await c.values("received", 4), ["OnConnectedAsync1", "OnConnectedAsync2", "OnReceivedAsync1", "OnReceivedAsync2"], "values");
  });
}

async function json(world) {
  await world.using([world.connect({ path: "/preserialize" })], async (c) => {
    const values = [{ preserialized: true, I: 7 }, [1, { a: null }], "a string", 0, false, "</script>"];
    for (const [i, value] of values.entries()) {
      await c.send(JSON.stringify(value));
      await c.values("received", i + 1);
    }
    equal(await received(c), values, "values");
  });
}

async function groups(world) {
  const there = () => world.connect({ path: "/groups" });
  await world.using([there(), there()], async (ann, bob) => {
    const group = `raw ${ann.id}`;
    const join = (who, more = {}) => who.send({ type: 1, group, ...more });
    const say = (message) => bob.send({ type: 3, group, message });
    await join(ann);
    // The only sign of a group that was joined is its messages.
    let n = 0;
    await until("ann is in the group", async () => { await say(`try ${n++}`); return (await received(ann)).length; });
    await join(ann, { connectionId: bob.id });
    await until("bob is in the group, which ann saw to", async () => { await say(`try ${n++}`); return (await received(bob)).length; });
    await ann.send({ type: 2, group });
    await until("ann is out of the group", async () => {
      const before = await received(ann);
      await say(`try ${n++}`);
      await bob.hears("received", [`try ${n - 1}`]);
      return JSON.stringify(await received(ann)) === JSON.stringify(before);
    });
  });
}

async function filter(world) {
  const there = () => world.connect({ path: "/filter" });
  await world.using([there(), there()], async (ann, bob) => {
    const text = `from ${ann.id}`;
    await ann.send(text);
    await bob.hears("received", [text]);
    await bob.send(`answer to ${ann.id}`);
    await ann.hears("received", [`answer to ${ann.id}`]);
    assert(!(await received(ann)).includes(text), "the sender got it too");
  });
}

/** Connecting takes as long as joining its groups does. */
async function addGroup(world) {
  const before = Date.now();
  await world.using([world.connect({ path: "/add-group" })], async (c) => {
    assert(Date.now() - before > 950, "it was connected before it was in its groups");
    await c.send("x");
    equal((await c.values("received", 1))[0], "hey", "message");
  });
}

async function headers(world) {
  await world.using([world.connect({ path: "/examine-request" })], async (c) => {
    await c.send("x");
    const [seen] = await c.values("received", 1);
    equal(seen.userAgentHeader, await c.page.evaluate(() => navigator.userAgent), "User-Agent");
    equal(seen.testHeader, null, "test-header");
    // A browser's WebSocket names no page.
    const referer = world.transport === "webSockets" ? null : new URL("/", c.page.url()).href;
    assert(referer === null || (seen.refererHeader ?? "").startsWith(referer), `Referer: ${seen.refererHeader}`);
  });
}

async function guarded(world) {
  await world.using([world.connect({ path: "/protected", started: false })], async (c) => {
    const { message, status } = await c.refused();
    equal([message, status], ["Error during negotiation request.", 401], "error and status");
    await c.logs("disconnected");
  });
}

export const checks = [
  { name: "/echo: every kind of value", body: echo },
  { name: "/multisend: two values each time, in order", body: many },
  { name: "/preserialize: JSON as it is", body: json, origin: "same" },
  { name: "/groups: joining, leaving, others' too", body: groups },
  { name: "/filter: everybody but the sender", body: filter },
  { name: "/add-group: groups joined while connecting", body: addGroup },
  { name: "/examine-request: headers", body: headers, origin: "same" },
  { name: "/protected: refused", body: guarded },
];
