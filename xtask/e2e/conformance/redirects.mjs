// Negotiations that lead elsewhere, or nowhere; and JSONP.

import { equal } from "../harness.mjs";

const hubs = { redirectTestHub: [] };
const there = (world, path, more = {}) => world.connect({ hubs, path, ...more });

async function token(world) {
  await world.using([there(world, "/redirect", { qs: "own=1" })], async (c) => {
    const call = (method, ...args) => c.invoke("redirectTestHub", method, ...args);
    equal(await call("EchoReturn", "é+"), "é+", "result");
    equal(await call("GetAccessToken"), "TestToken", "access token");
    equal(await call("GetQueryStringValue", "own"), "1", "the page's own query string");
    equal(await c.property("url"), `${world.url}/signalr/`, "address after four redirections");
    const given = await c.property("_originalUrl");
    await c.stop();
    equal([await c.property("url"), await c.property("accessToken") ?? null], [given, null], "address and token after stop");
    await c.start();
    equal(await call("GetAccessToken"), "TestToken", "access token after starting again");
  });
}

async function queries(world) {
  const open = (path) => there(world, path, { qs: { own: "1" } });
  await world.using([open("/redirect-query-string"), open("/redirect-query-string-clear"), open("/redirect-query-string-invalid")],
    async (replaced, cleared, invalid) => {
      const value = async (c, name) => await c.invoke("redirectTestHub", "GetQueryStringValue", name) ?? null;
      const values = (c, ...names) => Promise.all(names.map((name) => value(c, name)));
      equal(await values(replaced, "name1", "name2", "name3", "origName1", "own"), ["newValue", null, "value3", "value1", null], "query");
      equal(await values(cleared, "clearedName", "own"), [null, "1"], "query after one that was cleared");
      equal(await value(invalid, "redirect"), "invalid", "a query that is hardly one");
      equal(await invalid.invoke("redirectTestHub", "EchoReturn", "x"), "x", "result");
    });
}

async function versions(world) {
  await world.using([there(world, "/redirect-new-proto")], async (c) => {
    equal(await c.invoke("redirectTestHub", "GetAccessToken"), "TestToken", "access token");
  });
}

const CORE = "Detected a connection attempt to an ASP.NET Core SignalR Server. This client only supports connecting to an ASP.NET SignalR Server. "
  + "See https://aka.ms/signalr-core-differences for details.";
const REFUSALS = {
  "/aspnetcore-signalr": CORE,
  "/negotiate-error": "Error message received from the server: 'Server-provided negotiate error message!'.",
  "/redirect-future-proto": "You are using a version of the client that isn't compatible with the server. Client version 2.1, server version 2.2.",
};

async function refusals(world) {
  for (const [path, text] of Object.entries(REFUSALS)) {
    await world.using([there(world, path, { started: false })], async (c) => {
      equal((await c.refused()).message, text, `error of ${path}`);
    });
  }
}

async function endless(world) {
  await world.using([there(world, "/redirect-loop", { started: false })], async (c) => {
    let negotiations = 0;
    c.page.on("request", (request) => { negotiations += request.url().includes("/negotiate?"); });
    const { message, source } = await c.refused();
    equal([message, source], ["Error during negotiation request.", "Negotiate redirection limit exceeded."], "error and its source");
    equal(negotiations, 101, "negotiations");
  });
}

/** 1.5 knows no redirections: the client goes on with an answer that has nothing it needs. */
async function old(world) {
  await world.using([there(world, "/redirect-old-proto", { started: false })], async (c) => {
    const { message } = await c.refused();
    equal(message, "No transport could be initialized successfully. Try specifying a different transport or none at all for auto initialization.", "error");
  });
}

async function foreverFrame(world) {
  await world.using([there(world, "/redirect", { started: false })], async (c) => {
    equal((await c.refused()).message, "No transport could be initialized successfully. Try specifying a different transport or none at all for auto initialization.", "error");
  });
}

async function jsonp(world) {
  const options = { jsonp: true };
  const open = (path, more) => world.connect({ path, options, ...more });
  await world.using([open("/jsonp/signalr", { hubs: { conformance: ["message", "number"] } }), open("/jsonp/echo")], async (c, raw) => {
    equal(await c.property("ajaxDataType"), "jsonp", "way of asking");
    equal(await c.call("Echo", "é+</script>\u2028"), "é+</script>\u2028", "result");
    equal(await c.call("Nothing") ?? null, null, "no result");
    await c.call("SendTo", c.id, "to oneself");
    await c.hears("message", [c.id, "to oneself"]);
    await c.call("SendMany", 50);
    equal(await c.values("number", 50), Array.from({ length: 50 }, (_, i) => i), "numbers");
    const text = "x+\u2028</script>";
    await raw.send(text);
    await raw.hears("received", [text]);
  });
  await world.using([open("/signalr", { hubs, started: false })], async (c) => {
    equal((await c.refused()).message, "Error during negotiation request.", "error where JSONP is off");
  });
}

export const checks = [
  { name: "redirected four times: access token, address, back again after stop", body: token, except: ["foreverFrame"] },
  { name: "redirected with query strings: replaced, cleared, odd", body: queries, except: ["foreverFrame"] },
  { name: "redirected by a newer protocol", body: versions, origin: "same", except: ["foreverFrame"] },
  { name: "refusals of negotiation, in the client's words", body: refusals },
  { name: "redirected round and round", body: endless, origin: "same" },
  { name: "an older protocol knows no redirections", body: old, origin: "same" },
  { name: "foreverFrame has no way to show a token", body: foreverFrame, origin: "same", only: ["foreverFrame"] },
  { name: "JSONP where it is on, and where it is off", body: jsonp, only: ["longPolling"], seconds: 5 },
];
