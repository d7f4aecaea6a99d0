// The generated script, and the addresses that hubs are reached by.

import { assert, equal } from "../harness.mjs";

const HUBS = { conformance: ["message", "number"], StatusHub: ["pong"], demo: [] };

async function generated(world, path, script) {
  const page = await world.page();
  await page.addScriptTag({ url: `${world.url}${path}${script}` });
  equal(await page.evaluate(() => window.$.connection.hub.url), path, "the address that the script has by itself");
  const c = await world.connect({ page, path, hubs: HUBS, generated: true });
  const call = (hub, method, ...args) => page.evaluate(([hub, method, args]) =>
    window.settle(window.$.connection[hub].server[method](...args)), [hub, method, args]);
  equal(c.transport, world.transport, "transport");
  equal(await call("conformance", "add", 20, 22), 42, "result");
  equal(await call("demo", "overload") ?? null, null, "an overload without arguments");
  equal(await call("demo", "overload", 7), 7, "an overload with one, which its function does not list");
  equal(await call("conformance", "countUp"), 1, "counter");
  equal(await call("conformance", "countUp"), 2, "counter");
  equal(await page.evaluate(() => window.$.connection.conformance.state.counter), 2, "state");
  equal(await page.evaluate(() => new Promise((resolve) => {
    const reports = [];
    window.$.connection.conformance.server.progress(5).progress((i) => reports.push(i)).done((result) => resolve(typeof result));
  })), "string", "result of a call with progress");
  await call("StatusHub", "ping");
  await c.hears("pong", []);
  assert(await page.evaluate(() => typeof window.$.connection.StatusHub.server.ping === "function"), "StatusHub has no ping");
  const missing = await page.evaluate((names) => names.filter((name) => !window.$.connection[name]?.server || !window.$.connection[name].client),
    ["authHub", "bench", "connectionDataVerifierHub", "echoHub", "groupChat", "groupJoiningHub", "onConnectedBufferHub", "redirectTestHub"]);
  equal(missing, [], "hubs that are missing");

  // Handlers are subscribed once on each start, and taken off when it stops.
  await c.stop();
  await c.start();
  await call("conformance", "sendTo", c.id, "again");
  await c.hears("message", [c.id, "again"]);
  await call("conformance", "sendMany", 3);
  await c.values("number", 3);
  // Others may have said something to all meanwhile.
  const own = (await c.heard("message")).filter(([from]) => from === c.id);
  equal([own, await c.heard("number")], [[[c.id, "again"]], [[0], [1], [2]]], "what was heard after the second start");
  assert(!page.failures.length, page.failures.join());
  await world.done(page);
}

/** The script's own address as the base of a connection, and others that are unusual. */
async function addresses(world) {
  const paths = ["/signalr/js", "/signalr/hubs", "/SignalR", "/signalr/", "/bare"];
  await Promise.all(paths.map((path) => world.using([world.conformance(["message"], { path })], async (c) => {
    equal(await c.call("Add", 1, 2), 3, `a call by ${path}`);
    await c.call("SendTo", c.id, path);
    await c.hears("message", [c.id, path]);
  })));
}

/** All of them have one set of connections and groups. */
async function shared(world) {
  const there = (path) => world.conformance(["message", "groupMessage"], { path });
  await world.using([there("/signalr"), there("/signalr2/test"), there("/bare")], async (ann, bob, eve) => {
    const group = `shared ${ann.id}`;
    for (const c of [ann, bob, eve]) await c.call("Join", group);
    await bob.call("SendGroup", group, "hello");
    for (const c of [ann, bob, eve]) await c.hears("groupMessage", [group, "hello"]);
    await eve.call("SendTo", bob.id, "to one");
    await bob.hears("message", [eve.id, "to one"]);
  });
}

async function credentials(world) {
  if (!world.cross) return;
  await world.using([world.conformance([], { options: { withCredentials: false } })], async (c) => {
    equal(await c.property("withCredentials"), false, "withCredentials");
    equal(await c.call("Add", 1, 2), 3, "result");
  });
}

/** Another method, content type and header than forms may have: the browser asks first. */
async function preflight(world) {
  const page = await world.page();
  const status = await page.evaluate(async (url) => {
    const init = { method: "PUT", credentials: "include", headers: { Authorization: "Bearer x", "Content-Type": "application/json", "X-Test": "1" }, body: "{}" };
    return (await fetch(url, init)).status;
  }, `${world.base()}/signalr/negotiate`);
  equal(status, 200, "status");
  await world.done(page);
}

export const checks = [
  { name: "the script at /signalr/hubs: $.connection with hubs, methods, state, callbacks; started twice", body: (world) => generated(world, "/signalr", "/hubs") },
  { name: "the script at /signalr2/test/js", body: (world) => generated(world, "/signalr2/test", "/js"), origin: "same" },
  { name: "unusual addresses of connections, /signalr/js among them", body: addresses },
  { name: "all hub routes share connections and groups", body: shared },
  { name: "without credentials, if the page wants it so", body: credentials, origin: "cross" },
  { name: "preflights are answered", body: preflight, origin: "cross" },
];
