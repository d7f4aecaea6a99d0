// Who is at the other end: basic authentication, whose credentials the browser sends by itself.

import { assert, equal } from "../harness.mjs";

const path = "/basicauth/signalr";

async function named(world) {
  const as = (user) => world.connect({ path, user, hubs: { conformance: ["message"], authHub: [] } });
  await world.using([as("ann"), as("bob")], async (ann, bob) => {
    equal(await ann.invoke("authHub", "WhoAmI"), "ann", "ann's name");
    equal(await bob.invoke("authHub", "WhoAmI"), "bob", "bob's name");
    equal((await ann.call("request")).user, "ann", "ann's request");
    await ann.call("SendTo", bob.id, "from a user");
    await bob.hears("message", [ann.id, "from a user"]);
  });
}

async function raw(world) {
  const as = (user) => world.connect({ path: "/basicauth/echo", user });
  await world.using([as("ann"), as("bob")], async (ann, bob) => {
    const text = `from ${ann.id}`;
    await ann.send(text);
    for (const c of [ann, bob]) await c.hears("received", [text]);
  });
}

async function nobody(world) {
  await world.using([world.connect({ hubs: { authHub: [] }, started: false })], async (c) => {
    const { message, status } = await c.refused();
    equal([message, status], ["Error during negotiation request.", 401], "error and status");
    await c.logs("disconnected");
  });
}

async function withoutCredentials(world) {
  await world.using([world.conformance([], { path, user: "ann", options: { withCredentials: false }, started: false })], async (c) => {
    const { message, status } = await c.refused();
    equal([message, status], ["Error during negotiation request.", 401], "error and status");
  });
  await world.using([world.conformance([], { path, user: "ann" })], async (c) => {
    assert(await c.property("withCredentials"), "credentials are not on by default");
  });
}

export const checks = [
  { name: "/basicauth: users by name, on every request", body: named },
  { name: "/basicauth/echo: users without hubs", body: raw },
  { name: "a hub for users only, alone: 401 while negotiating", body: nobody },
  { name: "credentials are on by default, and off if the page wants it so", body: withoutCredentials, origin: "cross" },
];
