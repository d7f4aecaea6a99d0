// Two clients for Node that neither Microsoft nor this project wrote, unmodified: `signalr-client` by Matthew Whited and
// `node-signalr` by Alex Wei. Both speak webSockets and protocol 1.5.

import { Client as NodeSignalR } from "node-signalr";
import signalRClient from "signalr-client";
import { Checks, Proxy, assert, equal, options, until } from "./harness.mjs";

const { url } = options();
const checks = new Checks();
const HUBS = ["conformance", "authHub"];
const EVENTS = ["message", "groupMessage", "number", "tick"];
const basic = (user) => ({ Authorization: `Basic ${Buffer.from(`${user}:secret`).toString("base64")}` });

/** What both have in common once they are wrapped: `heard` and `log` are arrays, `call` gives a promise. */
class Whited {
  heard = [];
  log = [];

  constructor(base, { path = "/signalr", user, hubs = HUBS } = {}) {
    this.client = new signalRClient.client(base + path, hubs, 1, true);
    if (user) Object.assign(this.client.headers, basic(user));
    const note = (name) => (...args) => { this.log.push([name, ...args.map((arg) => arg?.statusCode ?? arg?.message ?? null)].filter((part) => part !== null).join(" ")); };
    this.client.serviceHandlers = { bound: note("bound"), connected: note("connected"), connectFailed: note("connectFailed"), connectionLost: note("connectionLost"),
      disconnected: note("disconnected"), reconnecting: note("reconnecting"), reconnected: note("reconnected"), onUnauthorized: note("unauthorized"),
      onerror: (text, _, status) => { this.log.push(`error ${text} ${status}`); } };
    for (const event of EVENTS) this.client.on("conformance", event, (...args) => this.heard.push([event, ...args]));
  }

  start() {
    this.client.start();
  }

  get id() {
    return this.client.connection.id;
  }

  call(method, ...args) {
    const [hub, name] = method.includes(".") ? method.split(".") : ["conformance", method];
    return new Promise((resolve, reject) => {
      this.client.call(hub, name, ...args).done((error, result) => (error ? reject(new Error(error)) : resolve(result)), 10_000);
    });
  }

  stop() {
    this.client.end();
  }
}

class Wei {
  heard = [];
  log = [];

  constructor(base, { path = "/signalr", user, hubs = HUBS } = {}) {
    this.client = new NodeSignalR(base + path, hubs);
    this.client.reconnectDelayTime = 1000;
    if (user) Object.assign(this.client.headers, basic(user));
    for (const event of ["connected", "reconnecting", "disconnected"]) {
      this.client.on(event, (detail) => this.log.push(detail === undefined ? event : `${event} ${detail}`));
    }
    this.client.on("error", ({ code, message }) => this.log.push(`error ${code} ${message}`));
    for (const event of EVENTS) this.client.connection.hub.on("conformance", event, (...args) => this.heard.push([event, ...args]));
  }

  start() {
    this.client.start();
  }

  get id() {
    return this.client.connection.id;
  }

  call(method, ...args) {
    const [hub, name] = method.includes(".") ? method.split(".") : ["conformance", method];
    return this.client.connection.hub.call(hub, name, ...args).catch((error) => { throw new Error(error); });
  }

  stop() {
    this.client.end();
  }
}

async function connected(Kind, base, settings) {
  const client = new Kind(base, settings);
  client.start();
  await logs(client, "connected");
  return client;
}

const logs = (client, line, from = 0) =>
  until(() => `"${line}" in ${JSON.stringify(client.log)}`, () => client.log.slice(from).some((each) => each === line || each.startsWith(`${line} `)));
const hears = (client, ...wanted) => until(() => `${wanted} in ${JSON.stringify(client.heard.slice(-5))}`,
  () => client.heard.some((each) => JSON.stringify(each) === JSON.stringify(wanted)));
const values = async (client, event, count) => {
  const got = () => client.heard.filter(([name]) => name === event).map(([, value]) => value);
  await until(() => `${count} times ${event}, of which there are ${got().length}`, () => got().length >= count);
  return got();
};
const failure = (promise) => promise.then((result) => { throw new Error(`it did not fail, but gave ${result}`); }, ({ message }) => message);
const count = (n, from = 0) => Array.from({ length: n }, (_, i) => i + from);

async function suite(name, Kind, Other) {
  const check = (what, body) => checks.check(`${name}: ${what}`, body);
  let client;
  let other;

  await checks.check(`${name}: connects`, async () => {
    client = await connected(Kind, url);
    other = await connected(Other, url);
    const { connectionId, transport } = await client.call("request");
    equal([connectionId, transport], [client.id, "webSockets"], "the request as the hub sees it");
    equal(await client.call("Events", client.id), ["connected"], "life of the connection");
  }, { vital: true });

  await check("calls and results", async () => {
    equal(await client.call("Add", 2, 3), 5, "Add");
    const text = "é+ 😀 </script> \u2028 \"q\" \\";
    equal(await client.call("Echo", text), text, "Echo");
    for (const value of [{ a: [1, { b: null }] }, [], 0, false, ""]) equal(await client.call("EchoAny", value), value, "EchoAny");
    equal(await client.call("Nothing") ?? null, null, "Nothing");
    equal((await client.call("Large", 200_000)).length, 200_000, "length of a large result");
    equal(await Promise.all(count(100).map((i) => client.call("Add", i, i))), count(100).map((i) => 2 * i), "a hundred calls at once");
  });

  await check("errors", async () => {
    equal(await failure(client.call("Throw", "it broke")), "it broke", "an error");
    equal(await failure(client.call("ThrowHub", "the hub's", { code: 7 })), "the hub's", "a HubException");
    equal(await failure(client.call("authHub.WhoAmI")), "Caller is not authorized to invoke the WhoAmI method on authHub.", "a hub for users only");
    equal(await failure(client.call("noSuch")), "'noSuch' method could not be resolved. No method found with that name.", "an unknown method");
  });

  await check("callbacks: in order, to those who are meant", async () => {
    await client.call("SendMany", 500);
    equal(await values(client, "number", 500), count(500), "numbers");
    await client.call("Broadcast", "to all");
    for (const each of [client, other]) await hears(each, "message", client.id, "to all");
    await other.call("SendTo", client.id, "to one");
    await hears(client, "message", other.id, "to one");
    await client.call("Join", "the group");
    await other.call("SendGroup", "the group", "to the group");
    await hears(client, "groupMessage", "the group", "to the group");
    assert(!other.heard.some(([event]) => event === "groupMessage"), "one that is not in the group heard of it");
  });

  await check("a socket that is cut: it comes back under the same id, and the server never took it for gone", async () => {
    const proxy = await Proxy.before(url);
    const cut = await connected(Kind, proxy.url);
    const before = cut.log.length;
    proxy.cut();
    await logs(cut, "reconnecting", before);
    proxy.heal();
    await logs(cut, Kind === Wei ? "connected" : "reconnected", before);
    equal((await cut.call("request")).connectionId, cut.id, "connection id");
    await cut.call("SendMany", 20);
    equal(await values(cut, "number", 20), count(20), "numbers");
    const life = await other.call("Events", cut.id);
    assert(!life.some((event) => event.startsWith("disconnected")), `life of the connection: ${life}`);
    cut.stop();
    await proxy.close();
  });

  await check("users, and who is nobody in particular", async () => {
    const user = await connected(Kind, url, { path: "/basicauth/signalr", user: "ann" });
    equal(await user.call("authHub.WhoAmI"), "ann", "name");
    user.stop();
    const nobody = new Kind(url, { path: "/basicauth/signalr" });
    nobody.start();
    await logs(nobody, Kind === Wei ? "error UNAUTHORIZED" : "unauthorized 401");
    nobody.stop();
    const lost = new Kind(url, { hubs: ["noSuchHub"] });
    lost.start();
    await logs(lost, Kind === Wei ? "error ERR_NEGOTIATE" : "error Negotiate Unknown 500");
    lost.stop();
  });

  await check("stop: the server knows at once", async () => {
    client.stop();
    await until("the server knows", async () => (await other.call("Events", client.id)).includes("disconnected:true"), 3000);
    equal(await other.call("Events", client.id), ["connected", "disconnected:true"], "life of the connection");
    other.stop();
  });
}

await checks.run(async () => {
  await suite("signalr-client 0.0.20", Whited, Wei);
  await suite("node-signalr 3.1.0", Wei, Whited);
});
// Both leave timers behind.
process.exit();
