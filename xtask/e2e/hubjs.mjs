// hub.js itself: first what only an unusual server says, with one made up here; then served by the
// chat server, in a real browser; and a page without any client.

import { HubError } from "../../hub-client/js/hub.js";
import { Checks, Proxy, assert, blankPage, equal, options, until, withBrowser } from "./harness.mjs";
import { inStep } from "./instep.mjs";
import { madeUp, rejects } from "./madeup.mjs";

const { url, chromium } = options();
const checks = new Checks();
const check = checks.check.bind(checks);
const room = `hubjs-${Date.now().toString(36)}`;

/** A page with a started `connection` and its `chat`; all it hears is in `heard`, its states in `states`. */
async function client(context, origin, user) {
  const page = await blankPage(context, origin);
  await page.evaluate(async ({ room, user }) => {
    const { HubConnection, HubError } = await import("/signalr/hub.js");
    Object.assign(window, { heard: [], states: [], events: [], HubError });
    window.connection = new HubConnection("/signalr", { hubs: ["chat"] });
    window.chat = window.connection.hub("Chat");
    for (const name of ["welcome", "Message", "joined", "left", "renamed", "announcement"]) {
      window.chat.on(name, (...args) => window.heard.push([name.toLowerCase(), ...args]));
    }
    window.connection.addEventListener("statechange", ({ detail }) => window.states.push(detail.state));
    window.connection.onstate = ({ detail }) => { window.last = detail.state; };
    for (const name of ["reconnecting", "reconnected", "closed", "error"]) {
      window.connection.addEventListener(name, ({ detail }) => window.events.push([name, detail?.error?.message ?? null]));
    }
    await window.connection.start();
    window.people = await window.chat.invoke("join", room, user);
  }, { room, user });
  return page;
}

const texts = (page) => page.evaluate(() => window.heard.filter(([name]) => name === "message").map(([, , , text]) => text));
const invoke = (page, ...call) => page.evaluate((args) => window.chat.invoke(...args), call);
const failure = (page, ...call) => page.evaluate((args) => window.chat.invoke(...args).then(
  () => { throw new Error("the call succeeded"); },
  (e) => ({ known: e instanceof window.HubError, message: e.message, isHubException: e.isHubException, source: e.source })), call);

// ---- against a server made up here -----------------------------------------------------------------

async function unusual() {
  await check("made up: refusals of negotiation, in the protocol's words", async () => {
    const refusal = async (reply) => (await rejects(madeUp({ negotiate: () => reply }).connection.start())).message;
    assert((await refusal({ availableTransports: [], ProtocolVersion: undefined })).startsWith("Detected a connection attempt to an ASP.NET Core"), "Core");
    equal(await refusal({ Error: "full" }), "Error message received from the server: 'full'.", "Error");
    equal(await refusal({ ProtocolVersion: "1.3" }),
      "You are using a version of the client that isn't compatible with the server. Client version 2.1, server version 1.3.", "version");
    equal(await refusal({ RedirectUrl: "http://round/and/round" }), "Negotiate redirection limit exceeded.", "redirects");
  });

  await check("made up: a redirection with a token, and everything percent-encoded", async () => {
    const { connection, log } = madeUp({ negotiate: (n) => (n === 1 ? { RedirectUrl: "https://away/app/?asrs=x", AccessToken: "t+k" } : { Url: "/app" }) });
    await connection.start();
    await connection.stop();
    const rest = "connectionToken=a%2Bb%2Fc%3D&connectionData=%5B%7B%22name%22%3A%22h%22%7D%5D&tags=1&asrs=x";
    equal(log, [
      "GET http://home/signalr/negotiate?clientProtocol=2.1&connectionData=%5B%7B%22name%22%3A%22h%22%7D%5D&tags=1&own=1",
      "GET https://away/app/negotiate?clientProtocol=2.1&connectionData=%5B%7B%22name%22%3A%22h%22%7D%5D&tags=1&asrs=x Bearer t+k",
      `WS wss://away/app/connect?clientProtocol=2.1&transport=webSockets&access_token=t%2Bk&${rest}`,
      `GET https://away/app/start?clientProtocol=2.1&transport=webSockets&${rest} Bearer t+k`,
      `POST https://away/app/abort?clientProtocol=2.1&transport=webSockets&${rest} Bearer t+k`,
    ], "requests");
  });

  await check("made up: messages from before the start wait for it, in order, ahead of start()'s own end", async () => {
    const { connection, hub } = madeUp({ opened: (socket) => {
      socket.say({ C: "1", M: [{ H: "H", M: "e", A: [1] }] });
      socket.say({ C: "2", S: 1, M: [{ H: "H", M: "e", A: [2] }] });
    } });
    const got = [];
    hub.on("E", (n) => got.push([n, connection.state]));
    await connection.start();
    equal(got, [[1, "connected"], [2, "connected"]], "what was heard when start() resolved");
  });

  await check("made up: an error with data; progress; the state bag", async () => {
    const frames = [];
    const { connection, hub } = madeUp({ answer: (socket, frame) => {
      frames.push(frame);
      const I = String(frame.I);
      if (frame.M === "fail") return socket.say({ I, H: true, E: "no", D: { code: 7 } });
      socket.say({ C: "2", M: [{ I: `P|${I}`, P: { I, D: 10 } }, { S: { b: 2 }, I: `P|${I}`, P: { I, D: 20 } }] });
      socket.say({ S: { c: 3 }, R: "done", I });
    } });
    await connection.start();
    const error = await rejects(hub.invoke("fail", undefined, () => {}));
    assert(error instanceof HubError && error.isHubException, "it is no HubException");
    equal([error.message, error.source, error.data], ["no", "HubException", { code: 7 }], "error");
    const reports = [];
    hub.state.a = 1;
    equal(await hub.invoke("work").progress((value) => reports.push(value)), "done", "result");
    equal(reports, [10, 20], "reports");
    equal(hub.state, { a: 1, b: 2, c: 3 }, "state");
    equal(frames, [{ H: "h", M: "fail", A: [null, null], I: 0 }, { H: "h", M: "work", A: [], I: 1, S: { a: 1 } }], "frames");
  });

  await check("made up: T:1 reconnects with cursor and groups; the old socket is not listened to; ids go on", async () => {
    const ids = [];
    const { connection, hub, log, sockets } = madeUp({ answer: (socket, { I }) => {
      ids.push(I);
      if (ids.length > 1) socket.say({ I: String(I) });
    } });
    const got = [];
    hub.on("e", (n) => got.push(n));
    await connection.start();
    const lost = rejects(hub.invoke("never answered"));
    sockets[0].say({ C: "c|2,x", G: "g+1", T: 1, M: [{ H: "h", M: "e", A: ["kept"] }] });
    equal((await lost).message, "Connection started reconnecting before invocation result was received.", "error");
    equal(connection.state, "reconnecting", "state");
    sockets[0].say({ C: "c3", M: [{ H: "h", M: "e", A: ["too late"] }] });
    await until("connected again", () => connection.state === "connected");
    assert(log.at(-1).startsWith("WS ws://home/signalr/reconnect?") && log.at(-1).includes("messageId=c%7C2%2Cx&groupsToken=g%2B1&"), log.at(-1));
    await hub.invoke("again");
    equal([ids, got, connection.id], [[0, 1], ["kept"], "id-1"], "ids, messages, connection id");
    const unanswered = rejects(hub.invoke("x", 1).then(() => hub.invoke("y")).then(() => connection.stop()).then(() => hub.invoke("z")));
    assert((await unanswered).source === "Connection", "a call after stop");
  });

  await check("made up: E closes without abort; a bad start answer closes with it; stop ends a start", async () => {
    const told = madeUp();
    const events = [];
    told.connection.addEventListener("error", ({ detail }) => events.push(detail.error.message));
    told.connection.addEventListener("closed", ({ detail }) => events.push(detail.error.message));
    await told.connection.start();
    told.sockets[0].say({ C: "2", E: "go away", M: [] });
    equal([events, told.connection.state], [["go away", "go away"], "disconnected"], "events");
    assert(!told.log.some((line) => line.includes("/abort?")), "it was aborted");
    const refused = madeUp({ started: { Response: "no" } });
    equal((await rejects(refused.connection.start())).message, "Error during start request. Stopping the connection.", "error");
    assert(refused.log.at(-1).startsWith("POST http://home/signalr/abort?"), `last request: ${refused.log.at(-1)}`);
    const stopped = madeUp();
    const start = rejects(stopped.connection.start());
    await stopped.connection.stop();
    equal([(await start).message, stopped.sockets.length], ["The connection was stopped during the start.", 0], "stopped start");
  });

  await check("made up: silence is slow, then lost; whoever stays away is closed after DisconnectTimeout", async () => {
    const { connection, sockets } = madeUp({
      negotiate: () => ({ KeepAliveTimeout: 0.3, DisconnectTimeout: 0.6 }),
      refuse: (n) => n > 1,
    });
    const events = [];
    for (const name of ["slow", "steady", "reconnecting", "reconnected", "closed"]) connection.addEventListener(name, () => events.push(name));
    let closed;
    connection.addEventListener("closed", ({ detail }) => { closed = detail.error.message; });
    await connection.start();
    await until("slow", () => events.includes("slow"));
    sockets[0].say({});
    await until("steady", () => events.includes("steady"));
    await until("closed", () => closed);
    equal([events, closed], [["slow", "steady", "slow", "reconnecting", "closed"],
      "Couldn't reconnect within the configured timeout of 600 ms, disconnecting."], "events");
  });
}

// ---- against the chat server -------------------------------------------------------------------------

await checks.run(async () => {
  await unusual();
  await inStep(check);
  await withBrowser(chromium, served);
});

async function served(newContext) {
  const context = await newContext();
  const proxy = await Proxy.before(url);
  let ann;
  let bob;

  await check("start: connecting, connected; an id; welcome arrives", async () => {
    ann = await client(context, proxy.url, "ann");
    equal(await ann.evaluate(() => [window.states, window.last]), [["connecting", "connected"], "connected"], "states");
    assert(await ann.evaluate(() => /^[0-9a-f-]{36}$/.test(window.connection.id)), "the connection has no id");
    await until("welcome", () => ann.evaluate(() => window.heard.some(([name, id]) => name === "welcome" && id === window.connection.id)));
  }, { vital: true });

  await check("two connections: each hears of the other", async () => {
    bob = await client(context, url, "bob");
    equal((await bob.evaluate(() => window.people)).sort(), ["ann", "bob"], "people");
    await until("ann hears that bob joined", () => ann.evaluate(() => window.heard.some(([name, , user]) => name === "joined" && user === "bob")));
  }, { vital: true });

  await check("invoke gives the result; names ignore case", async () => {
    equal(await invoke(ann, "SEND", room, "one"), 1, "number of the message");
    equal(await invoke(ann, "send", room, "two"), 2, "number of the message");
    for (const page of [ann, bob]) await until("both messages", async () => (await texts(page)).join() === "one,two");
  });

  await check("a HubException is a HubError that says so", async () => {
    equal(await failure(ann, "send", room, "  "),
      { known: true, message: "say something first", isHubException: true, source: "HubException" }, "error");
    equal((await failure(ann, "send", `${room}-not`, "x")).message, "join the room first", "error");
  });

  await check("an unknown method is a HubError that is not the hub's own", async () => {
    const error = await failure(ann, "nope");
    equal([error.known, error.isHubException, error.source], [true, false, "Exception"], "error");
    assert(/'?nope'?/.test(error.message), `the message does not name the method: ${error.message}`);
  });

  await check("off removes one handler, or all of an event", async () => {
    await ann.evaluate(() => {
      window.extra = [];
      window.first = (...args) => window.extra.push(["first", args[2]]);
      window.chat.on("message", window.first).on("MESSAGE", (...args) => window.extra.push(["second", args[2]]));
    });
    await invoke(ann, "send", room, "three");
    await until("both handlers", () => ann.evaluate(() => window.extra.length === 2));
    await ann.evaluate(() => window.chat.off("Message", window.first));
    await invoke(ann, "send", room, "four");
    await until("the other handler", () => ann.evaluate(() => window.extra.length >= 3));
    equal(await ann.evaluate(() => window.extra), [["first", "three"], ["second", "three"], ["second", "four"]], "handlers called");
  });

  await check("a handler that throws costs nobody a message", async () => {
    const count = (await texts(bob)).length;
    await bob.evaluate(() => window.chat.on("message", function broken() { throw new Error("handler broke"); }));
    await invoke(ann, "send", room, "five");
    await invoke(ann, "send", room, "six");
    await until("both messages", async () => (await texts(bob)).length === count + 2);
    equal(await bob.evaluate(() => window.events.filter(([name]) => name === "error").length), 2, "error events");
  });

  await check("a cut socket: reconnecting, connected; same id, nothing lost, nothing twice, in order", async () => {
    const id = await ann.evaluate(() => window.connection.id);
    const wanted = Array.from({ length: 50 }, (_, i) => `cut ${i}`);
    proxy.cut();
    await until("ann is reconnecting", () => ann.evaluate(() => window.connection.state === "reconnecting"));
    equal((await failure(ann, "people", room)).source, "Connection", "source of a call's error meanwhile");
    for (const text of wanted) await invoke(bob, "send", room, text);
    proxy.heal();
    await until("ann is connected again", () => ann.evaluate(() => window.connection.state === "connected"));
    await invoke(bob, "send", room, "after");
    await until("the last message", async () => (await texts(ann)).includes("after"));
    equal((await texts(ann)).filter((text) => /^cut|^after/.test(text)), [...wanted, "after"], "messages");
    equal(await ann.evaluate(() => window.connection.id), id, "connection id");
    equal(await ann.evaluate(() => window.states.slice(-2)), ["reconnecting", "connected"], "states");
    assert(typeof await invoke(ann, "send", room, "still here") === "number", "ann is no longer in the room");
  });

  await check("a call that the cut overtakes is rejected and says why", async () => {
    const error = ann.evaluate(() => {
      const { send } = WebSocket.prototype;
      WebSocket.prototype.send = () => {}; // the frame never leaves: its answer cannot win the race
      const lost = window.chat.invoke("people", "x");
      WebSocket.prototype.send = send;
      return lost.catch(({ message, source }) => ({ message, source }));
    });
    await ann.evaluate(() => window.connection.state);
    proxy.cut();
    equal(await error, { message: "Connection started reconnecting before invocation result was received.", source: "Connection" }, "error");
    proxy.heal();
    await until("ann is connected again", () => ann.evaluate(() => window.connection.state === "connected"));
  });

  await check("stop: disconnected and closed, and the others are told at once", async () => {
    const before = Date.now();
    await ann.evaluate(() => window.connection.stop());
    await until("bob hears that ann left", () => bob.evaluate(() => window.heard.some(([name, , user]) => name === "left" && user === "ann")), 3000);
    assert(Date.now() - before < 3000, "it took too long");
    equal(await ann.evaluate(() => [window.connection.state, window.connection.id]), ["disconnected", null], "state and id");
    equal(await ann.evaluate(() => window.events.at(-1)), ["closed", null], "last event");
  });

  await check("start again: a new id, and the handlers are still there", async () => {
    await ann.evaluate(() => { window.heard.length = 0; return window.connection.start(); });
    await invoke(ann, "join", room, "ann");
    await invoke(bob, "send", room, "welcome back");
    await until("the message", async () => (await texts(ann)).includes("welcome back"));
  });

  await check("a page that is closed says so", async () => {
    await bob.evaluate(() => { window.heard.length = 0; });
    await ann.goto("about:blank");
    await until("bob hears that ann left", () => bob.evaluate(() => window.heard.some(([name, , user]) => name === "left" && user === "ann")), 3000);
  });

  await check("a bare WebSocket: the init frame first, then calls", async () => {
    const page = await blankPage(context, url);
    const frames = await page.evaluate((address) => new Promise((resolve, reject) => {
      const heard = [];
      const socket = new WebSocket(address);
      setTimeout(() => reject(new Error(`no answer; heard ${heard.join(" ")}`)), 10_000);
      socket.onerror = () => reject(new Error("the socket failed"));
      socket.onmessage = ({ data }) => {
        if (!heard.length) socket.send('{"H":"chat","M":"join","A":["lobby","bare"],"I":1}');
        heard.push(data);
        if ("I" in JSON.parse(data)) resolve(heard);
      };
    }), `${url.replace(/^http/, "ws")}/signalr`);
    const first = JSON.parse(frames[0]);
    equal([first.S, Array.isArray(first.M), typeof first.C], [1, true, "string"], `init frame ${frames[0]}`);
    const answer = JSON.parse(frames.at(-1));
    equal(answer.I, "1", "id of the answer");
    assert(answer.R?.includes("bare"), `the answer has no people: ${frames.at(-1)}`);
  });

  await check("no page had an error", async () => equal([...ann.failures, ...bob.failures], [], "errors"));
  await proxy.close();
}
