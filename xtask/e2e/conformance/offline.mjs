// What is kept for clients that are away: hub `foo`, and clients that bring a persistent id.

import { randomUUID } from "node:crypto";
import { equal, until } from "../harness.mjs";

const hubs = { foo: ["bar", "baz"], conformance: [] };
const known = (world, persistentId) => world.connect({ hubs, qs: { persistentId } });

/** The server knows that a connection has ended. */
const gone = (witness, id) => until("the server knows that it was stopped",
  async () => (await witness.call("Events", id)).includes("disconnected:true"));

async function away(world) {
  const ours = randomUUID();
  const mark = (text) => `${text} ${ours}`;
  await world.using([world.connect({ hubs }), known(world, ours)], async (ann, bob) => {
    await ann.invoke("foo", "Bar", mark("both"));
    for (const c of [ann, bob]) await c.hears("bar", [mark("both")]);
    await bob.stop();
    await gone(ann, bob.id);
    for (const n of [1, 2, 3]) await ann.invoke("foo", "Bar", mark(n));
    const kept = await ann.invoke("foo", "Keep", "baz", mark("kept"));
    equal(/^[0-9A-F]+:[0-9]+$/.test(kept), true, `the place of what was kept, "${kept}"`);
    await bob.start();
    await bob.hears("baz", [mark("kept")]);
    await ann.invoke("foo", "Bar", mark("live"));
    await bob.hears("bar", [mark("live")]);
    const own = (all) => all.map(([text]) => text).filter((text) => text.endsWith(ours));
    equal(own(await bob.heard("bar")), ["both", 1, 2, 3, "live"].map(mark), "what the one who was away heard");
    equal(own(await ann.heard("baz")), [], "what the other one heard of what was kept");
  });
}

async function takenOver(world) {
  const ours = randomUUID();
  await world.using([world.connect({ hubs }), known(world, ours)], async (ann, first) => {
    await world.using([known(world, ours)], async (second) => {
      await until("the server has ended the first one",
        async () => (await ann.call("Events", first.id)).some((event) => event.startsWith("disconnected")));
      await ann.invoke("foo", "Bar", ours);
      await second.hears("bar", [ours]);
      await second.stop();
    });
    await first.stop();
  });
}

/** A classic client has no frame that closes a hub: it stops, and what starts later brings the same persistent id. */
async function walkThrough(world) {
  const ours = randomUUID();
  const mark = (text) => `${text} ${ours}`;
  const own = async (client) => (await client.heard("bar")).map(([text]) => text).filter((text) => text.endsWith(ours));
  await world.using([world.connect({ hubs })], async (ann) => {
    await world.using([known(world, ours)], async (bob) => {
      await ann.invoke("foo", "Bar", mark("x"));
      await bob.hears("bar", [mark("x")]);
      await bob.stop();
      await gone(ann, bob.id);
      await ann.invoke("foo", "Bar", mark("y"));
      await ann.hears("bar", [mark("y")]);
      equal(await own(bob), [mark("x")], "what was heard while the hub was closed");
    });
    // A connection of another page, too: it is the id that counts.
    await world.using([known(world, ours)], async (bob) => {
      await bob.hears("bar", [mark("y")]);
      await ann.invoke("foo", "Bar", mark("z"));
      await bob.hears("bar", [mark("z")]);
      equal(await own(bob), [mark("y"), mark("z")], "what was heard from its opening on");
      const id = bob.id;
      await bob.page.goto("about:blank"); // a window that is closed, without a stop of the page's own
      await gone(ann, id);
      await ann.invoke("foo", "Bar", mark("while closed"));
    });
    await world.using([known(world, ours)], async (bob) => {
      await bob.hears("bar", [mark("while closed")]);
      await bob.invoke("foo", "Bar", mark("end"));
      await bob.hears("bar", [mark("end")]);
      equal(await own(bob), [mark("while closed"), mark("end")], "what was heard in the next window");
    });
    equal(await own(ann), ["x", "y", "z", "while closed", "end"].map(mark), "what the other one heard");
  });
}

export const checks = [
  { name: "foo: two classic clients: one closes, a message comes, it opens again and has it, in any window", body: walkThrough },
  { name: "foo: who was away gets what was queued, in order, once", body: away },
  { name: "foo: a second client with the same persistent id takes over", body: takenOver },
];
