// The official client, npm `signalr` 2.4.3 on jQuery, unmodified, in a real browser, on one transport.

import { createRequire } from "node:module";
import { Checks, Proxy, assert, blankPage, equal, options, until, withBrowser } from "./harness.mjs";

const { url, chromium, transport } = options({ transport: { type: "string", default: "webSockets" } });
const checks = new Checks();
const check = checks.check.bind(checks);
const installed = createRequire(import.meta.url);
const SCRIPTS = [{ path: installed.resolve("jquery/dist/jquery.js") }, { path: installed.resolve("signalr/jquery.signalR.js") }];
const room = `official-${Date.now().toString(36)}`;
const EVENTS = ["welcome", "message", "announcement", "joined", "left", "renamed"];

/** What both kinds of page share: the record of what was heard, and a promise around jQuery's. */
const prepare = ([events, transport]) => {
  // Undefined is the client's own choice, which is webSockets.
  window.how = transport === "webSockets" ? undefined : { transport };
  window.heard = [];
  window.states = [];
  window.hear = (name) => (...args) => window.heard.push([name, ...args]);
  window.watch = (connection) => {
    window.connection = connection;
    const names = Object.entries(window.$.signalR.connectionState);
    connection.stateChanged(({ newState }) => window.states.push(names.find(([, n]) => n === newState)[0]));
  };
  window.settle = (deferred) => new Promise((resolve, reject) => deferred.then(resolve, reject));
  window.eventNames = events;
};

/** Through the generated script: `$.connection.chat.client` and `.server`. */
async function generated(context, origin, user) {
  const page = await blankPage(context, origin, SCRIPTS);
  await page.addScriptTag({ url: `${origin}/signalr/hubs` });
  await page.evaluate(prepare, [EVENTS, transport]);
  await page.evaluate(async () => {
    const { chat } = window.$.connection;
    for (const name of window.eventNames) chat.client[name] = window.hear(name);
    window.watch(window.$.connection.hub);
    window.call = (method, ...args) => window.settle(chat.server[method](...args));
    window.invoke = (method, ...args) => window.settle(chat.invoke(method, ...args));
    await window.settle(window.connection.start(window.how));
  });
  return enter(page, user);
}

/** Without it: `$.hubConnection()` and `createHubProxy`. */
async function byName(context, origin, user) {
  const page = await blankPage(context, origin, SCRIPTS);
  await page.evaluate(prepare, [EVENTS, transport]);
  await page.evaluate(async () => {
    const connection = window.$.hubConnection("/signalr", { useDefaultPath: false });
    const chat = connection.createHubProxy("Chat");
    for (const name of window.eventNames) chat.on(name, window.hear(name));
    window.watch(connection);
    window.call = window.invoke = (method, ...args) => window.settle(chat.invoke(method, ...args));
    await window.settle(connection.start(window.how));
  });
  return enter(page, user);
}

async function enter(page, user) {
  page.id = await page.evaluate(() => window.connection.id);
  page.people = user ? await call(page, "join", room, user) : null;
  return page;
}

const call = (page, ...args) => page.evaluate((args) => window.call(...args), args);
const failure = (page, ...args) => page.evaluate((args) => window.invoke(...args).then(
  () => { throw new Error("the call succeeded"); },
  ({ message, source }) => ({ message, source })), args);
const heard = (page, name, start = []) => page.evaluate(([name, start]) => window.heard.filter((event) =>
  event[0] === name && start.every((value, i) => event[i + 1] === value)), [name, start]);
const hears = (page, who, name, start, ms) =>
  until(`${who} hears ${name}(${start.join(", ")})`, async () => (await heard(page, name, start)).length, ms);
const texts = async (page) => (await heard(page, "message", [room])).map(([, , , text]) => text);

await checks.run(() => withBrowser(chromium, async (newContext) => {
  const context = await newContext();
  const proxy = await Proxy.before(url);
  let ann; // behind the proxy, generated script
  let bob; // direct, by name
  let eve; // direct, in no room

  await check("the generated script: $.connection.chat with all methods; start", async () => {
    ann = await generated(context, proxy.url, "ann");
    const methods = await ann.evaluate(() => Object.keys(window.$.connection.chat.server).sort());
    equal(["announce", "join", "leave", "people", "rename", "send"].filter((name) => !methods.includes(name)), [], "missing methods");
    equal(ann.people, ["ann"], "people in the room");
  }, { vital: true });

  await check("$.hubConnection and createHubProxy: start", async () => {
    bob = await byName(context, url, "bob");
    eve = await byName(context, url, null);
    equal([...bob.people].sort(), ["ann", "bob"], "people in the room");
  }, { vital: true });

  await check(`the transport is ${transport}`, async () => {
    for (const page of [ann, bob]) equal(await page.evaluate(() => window.connection.transport.name), transport, "transport");
  });

  await check("invoke gives the result", async () => {
    equal(await call(ann, "send", room, "first"), 1, "number of the message");
    equal(await call(bob, "SEND", room, "second"), 2, "number of the message");
    equal((await call(bob, "people", room)).sort(), ["ann", "bob"], "people in the room");
  });

  await check("a HubException: its text, and error.source", async () => {
    equal(await failure(ann, "send", room, ""), { message: "say something first", source: "HubException" }, "error");
    equal(await failure(bob, "send", `${room}-not`, "x"), { message: "join the room first", source: "HubException" }, "error");
  });

  await check("an unknown method: the protocol's text, not a HubException", async () => {
    const { message, source } = await failure(ann, "noSuchMethod");
    equal(source, "Exception", "source");
    assert(["There was an error invoking Hub method 'chat.noSuchMethod'.",
      "'noSuchMethod' method could not be resolved. No method found with that name."].includes(message), `text: ${message}`);
  });

  await check("Caller: each was welcomed, and only with its own id", async () => {
    for (const [who, page] of Object.entries({ ann, bob, eve })) {
      await hears(page, who, "welcome", []);
      equal((await heard(page, "welcome")).map(([, id, motd]) => [id, typeof motd]), [[page.id, "string"]], `${who}'s welcomes`);
    }
  });

  await check("Group: the two in the room and nobody else", async () => {
    await call(ann, "send", room, "for the room");
    await hears(ann, "ann", "message", [room, "ann", "for the room"]);
    await hears(bob, "bob", "message", [room, "ann", "for the room"]);
    const [[, , , , at]] = await heard(bob, "message", [room, "ann", "for the room"]);
    assert(Math.abs(Date.now() - at) < 60_000, `at is not the time in ms: ${at}`);
  });

  await check("Others: everybody but the caller", async () => {
    await call(ann, "rename", "anna");
    await hears(bob, "bob", "renamed", ["ann", "anna"]);
    await hears(eve, "eve", "renamed", ["ann", "anna"]);
    await call(ann, "rename", "ann");
    await hears(bob, "bob", "renamed", ["anna", "ann"]);
    equal((await heard(ann, "joined", [room])).map(([, , user]) => user), ["bob"], "whom ann saw join");
  });

  await check("All: everybody, once", async () => {
    await call(bob, "announce", "to all");
    for (const [who, page] of Object.entries({ ann, bob, eve })) {
      await hears(page, who, "announcement", ["bob", "to all"]);
      equal((await heard(page, "announcement", ["bob"])).length, 1, `${who}'s announcements`);
    }
  });

  await check("nobody heard what was not for them", async () => {
    // The announcement above came after all of it, so whatever went astray would be here by now.
    equal((await heard(eve, "message", [room])).length, 0, "messages of a room eve is not in");
    equal((await heard(eve, "joined", [room])).length, 0, "arrivals in a room eve is not in");
    equal((await heard(ann, "renamed", ["ann"])).length, 0, "ann's own renaming, at ann");
    equal((await heard(bob, "joined", [room, "bob"])).length, 0, "bob's own arrival, at bob");
  });

  await check("every character survives, both ways", async () => {
    const odd = ["😀 👩‍👩‍👧 é ü ß 漢字 עברית", "</script><!-- ]]> &amp;", `"double" 'single' \\ \\u0041 / \``,
      "line\u2028para\u2029nel\u0085 tab\tlf\ncr\r", "a+b%2Bc%20d&e=f?g#h;i", "{\"H\":\"chat\"}", "\u0001\u001f\u007f\ufeff"];
    const already = (await texts(ann)).length;
    equal((await texts(bob)).length, already, "messages so far");
    for (const text of odd) {
      await call(ann, "send", room, text);
      await call(bob, "send", room, text);
    }
    for (const [who, page] of Object.entries({ ann, bob })) {
      await until(`${who} has all`, async () => (await texts(page)).length >= already + 2 * odd.length);
      equal((await texts(page)).slice(already), odd.flatMap((text) => [text, text]), `what ${who} got`);
    }
  });

  await check("100 calls at once: each gets its own answer", async () => {
    const before = await call(bob, "send", room, "before the hundred");
    const numbers = await ann.evaluate((room) =>
      Promise.all(Array.from({ length: 100 }, (_, i) => window.call("send", room, `call ${i}`))), room);
    equal([...numbers].sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => before + 1 + i), "numbers");
    for (const [who, page] of Object.entries({ ann, bob })) {
      await until(`${who} hears all hundred`, async () => (await texts(page)).filter((text) => text.startsWith("call ")).length >= 100);
      const got = (await texts(page)).filter((text) => text.startsWith("call "));
      equal([...new Set(got)].length, 100, `different messages at ${who}`);
      equal(got.length, 100, `messages at ${who}`);
    }
  });

  await check("a cut socket and 50 messages meanwhile: none lost, none twice, in order, the same id", async () => {
    const wanted = Array.from({ length: 50 }, (_, i) => `meanwhile ${i}`);
    await ann.evaluate(() => { window.states.length = 0; });
    proxy.cut();
    await until("ann is reconnecting", () => ann.evaluate(() => window.states.includes("reconnecting")));
    for (const text of wanted) await call(bob, "send", room, text);
    proxy.heal();
    await until("ann is connected again", () => ann.evaluate(() => window.states.at(-1) === "connected"));
    await call(bob, "send", room, "meanwhile is over");
    await hears(ann, "ann", "message", [room, "bob", "meanwhile is over"]);
    equal((await texts(ann)).filter((text) => text.startsWith("meanwhile")), [...wanted, "meanwhile is over"], "messages");
    equal(await ann.evaluate(() => window.connection.id), ann.id, "connection id");
    equal(await ann.evaluate(() => window.states), ["reconnecting", "connected"], "states");
  });

  await check("cut again while messages are under way: the same", async () => {
    // Some of these are on the wire when it is cut, some behind it: the cursor has to tell them apart.
    const wanted = Array.from({ length: 300 }, (_, i) => `under way ${i}`);
    const sending = bob.evaluate(async ([room, wanted]) => {
      for (const text of wanted) await window.call("send", room, text);
    }, [room, wanted]);
    await hears(ann, "ann", "message", [room, "bob", "under way 5"]);
    proxy.cut();
    const [last] = (await texts(ann)).slice(-1);
    assert(last !== "under way 299", "the cut came too late to show anything");
    await sending;
    proxy.heal();
    await hears(ann, "ann", "message", [room, "bob", "under way 299"]);
    equal((await texts(ann)).filter((text) => text.startsWith("under way")), wanted, "messages");
    equal(await ann.evaluate(() => window.connection.id), ann.id, "connection id");
  });

  await check("groups are still joined after it, without joining again", async () => {
    assert(Number.isInteger(await call(ann, "send", room, "still here")), "ann may not send to the room");
    await hears(bob, "bob", "message", [room, "ann", "still here"]);
    equal((await call(ann, "people", room)).sort(), ["ann", "bob"], "people in the room");
    equal((await heard(bob, "left", [room])).length, 0, "departures that bob saw");
  });

  await check("leave: told to the others, and messages stop", async () => {
    await call(bob, "join", `${room}-2`, "bob");
    await call(ann, "join", `${room}-2`, "ann");
    await call(ann, "leave", `${room}-2`);
    await hears(bob, "bob", "left", [`${room}-2`, "ann"]);
    await call(bob, "send", `${room}-2`, "gone?");
    await call(bob, "send", room, "a later one");
    await hears(ann, "ann", "message", [room, "bob", "a later one"]);
    equal((await heard(ann, "message", [`${room}-2`])).length, 0, "messages of a room that ann left");
  });

  await check("stop: the others are told at once", async () => {
    await ann.evaluate(() => window.connection.stop());
    await hears(bob, "bob", "left", [room, "ann"], 3000);
    equal(await call(bob, "people", room), ["bob"], "people in the room");
    equal(await ann.evaluate(() => window.states.at(-1)), "disconnected", "state");
  });

  await check("start again: a new connection that works", async () => {
    await ann.evaluate(() => window.settle(window.connection.start(window.how)));
    equal((await call(ann, "join", room, "ann")).sort(), ["ann", "bob"], "people in the room");
    assert(await ann.evaluate(() => window.connection.id) !== ann.id, "the id is the old one");
    await call(bob, "send", room, "hello again");
    await hears(ann, "ann", "message", [room, "bob", "hello again"]);
  });

  await check("a page that is closed has left at once", async () => {
    await ann.goto("about:blank");
    await until("bob hears that ann left, again", async () => (await heard(bob, "left", [room, "ann"])).length === 2, 3000);
  });

  await check("no page had an error", async () => {
    for (const page of [ann, bob, eve]) equal(page.failures, [], "errors");
  });
  await proxy.close();
}));
