// hub.js itself, served by the chat server, in a real browser; and a page without any client.

import { Checks, Proxy, assert, blankPage, equal, options, until, withBrowser } from "./harness.mjs";

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
    window.connection.onstate = ({ detail }) => window.states.push(detail.state);
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

await checks.run(() => withBrowser(chromium, async (newContext) => {
  const context = await newContext();
  const proxy = await Proxy.before(url);
  let ann;
  let bob;

  await check("start: connecting, connected; an id; welcome arrives", async () => {
    ann = await client(context, proxy.url, "ann");
    equal(await ann.evaluate(() => window.states), ["connecting", "connected"], "states");
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
}));
