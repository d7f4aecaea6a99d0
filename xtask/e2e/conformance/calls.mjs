// Calls of hub methods: results, errors, state, progress, and everything that can be in an argument.

import { assert, equal, until } from "../harness.mjs";

const HIDDEN = (method) => `There was an error invoking Hub method '${method}'.`;

export const ODD = ["+", "😀 👩‍👩‍👧 é ü ß 漢字 עברית", "</script><!-- ]]> &amp;", `"double" 'single' \\ \\u0041 / \``,
  "line\u2028para\u2029nel\u0085 tab\tlf\ncr\r", "a+b%2Bc%20d&e=f?g#h;i", '{"H":"chat"}', "\u0001\u001f\u007f\ufeff", ""];

async function start(world) {
  await world.using([world.conformance([], { qs: "tag=a%2Bb", started: false })], async (c) => {
    await c.start();
    equal(c.transport, world.transport, "transport");
    assert(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(c.id), `the id: ${c.id}`);
    equal(await c.record("log"), ["connecting", "starting", "connected", "started"], "log");
    equal(await c.call("request"), { connectionId: c.id, transport: world.transport, tag: "a+b", user: null, header: null }, "request");
    equal(await c.property("withCredentials") ?? null, world.cross ? true : null, "withCredentials");
  });
}

async function results(world) {
  await world.using([world.conformance()], async (c) => {
    equal(await c.call("Add", 2, 3), 5, "Add");
    equal(await c.call("aDD", -2, 2), 0, "a result that is 0");
    equal(await c.call("Nothing") ?? "nothing", "nothing", "no result");
    equal(await c.call("EchoAny", null) ?? "nothing", "nothing", "a result that is null");
    for (const value of [false, true, 0, -1.5, 1e21, "", [], {}, [[1, [2, null]], "x"], { I: 1, R: 2, E: "no", M: [{ H: "x" }], nested: { a: [1] } }]) {
      equal(await c.call("EchoAny", value), value, "EchoAny");
    }
    equal(await c.invoke("conformance", "Echo", "x"), "x", "Echo");
  });
  await world.using([world.connect({ hubs: { demo: ["errorInCallback", "TestGuid"] } })], async (c) => {
    equal(await c.invoke("demo", "Overload") ?? "nothing", "nothing", "Overload()");
    equal(await c.invoke("demo", "Overload", 7), 7, "Overload(7)");
    await c.invoke("demo", "TestGuid");
    await c.hears("TestGuid", ["00000000-0000-0000-0000-000000000000"]);
    await c.invoke("demo", "DoSomethingAndCallError");
    await c.hears("errorInCallback", []);
  });
}

async function errors(world) {
  const hubs = { conformance: [], demo: [], authHub: [] };
  const path = "/signalr2/test";
  await world.using([world.connect({ hubs }), world.connect({ hubs, path })], async (shown, hidden) => {
    const text = `it "broke" <b>`;
    equal(await shown.fails("conformance", "Throw", text), { message: text, source: "Exception" }, "an error, shown");
    equal(await hidden.fails("conformance", "Throw", text), { message: HIDDEN("conformance.Throw"), source: "Exception" }, "an error, hidden");
    for (const c of [shown, hidden]) {
      for (const data of [{ code: 7, list: [1, null] }, "text", 0, false, []]) {
        equal(await c.fails("conformance", "ThrowHub", text, data), { message: text, data, source: "HubException" }, "a HubException");
      }
      equal(await c.fails("demo", "HubException"), { message: "message", data: "errorData", source: "HubException" }, "a HubException");
      const { data, ...rest } = await c.fails("demo", "HubExceptionWithoutErrorData");
      equal([rest, data ?? null], [{ message: "message", source: "HubException" }, null], "one without data");
    }
    equal(await hidden.fails("demo", "SynchronousException"), { message: HIDDEN("demo.SynchronousException"), source: "Exception" }, "error");
    const unknown = "'noSuchMethod' method could not be resolved. No method found with that name.";
    equal(await shown.fails("demo", "noSuchMethod"), { message: unknown, source: "Exception" }, "an unknown method, shown");
    equal(await hidden.fails("demo", "noSuchMethod"), { message: HIDDEN("demo.noSuchMethod"), source: "Exception" }, "an unknown method, hidden");
    const { message: few } = await shown.fails("conformance", "Add", 1);
    assert(few.startsWith("'Add' method could not be resolved. Potential candidates are: \nAdd("), `too few arguments: ${few}`);
    const denied = "Caller is not authorized to invoke the WhoAmI method on authHub.";
    equal(await shown.fails("authHub", "WhoAmI"), { message: denied, source: "Exception" }, "a hub for users only");
    equal(await shown.call("Add", 1, 1), 2, "a call after all that");
  });
}

async function state(world) {
  await world.using([world.conformance()], async (c) => {
    const inState = () => c.page.evaluate(() => window.connections.it.proxies.conformance.state);
    equal(await inState(), {}, "state at first");
    equal(await c.call("CountUp"), 1, "counter");
    equal(await c.call("CountUp"), 2, "counter");
    await c.page.evaluate(() => Object.assign(window.connections.it.proxies.conformance.state, { counter: 41, own: { a: ["+", "é"] } }));
    equal(await c.call("CountUp"), 42, "counter");
    equal(await inState(), { counter: 42, own: { a: ["+", "é"] } }, "state");
  });
}

async function progress(world) {
  await world.using([world.conformance()], async (c) => {
    const counts = [30, 10, 0];
    const outcome = await c.page.evaluate((counts) => Promise.all(counts.map(async (n) => {
      const reports = [];
      return [await window.settle(window.connections.it.proxies.conformance.invoke("Progress", n).progress((i) => reports.push(i))), reports];
    })), counts);
    equal(outcome.map(([result]) => result), counts.map(() => "done"), "results");
    for (const [i, [, reports]] of outcome.entries()) {
      // Over HTTP the result comes by another way than the reports, and the client drops those that it overtakes.
      const wanted = Array.from({ length: counts[i] }, (_, n) => n).slice(0, world.transport === "webSockets" ? undefined : reports.length);
      equal(reports, wanted, `reports of ${counts[i]}`);
    }
    assert(outcome[0][1].length > 5, `of 30 reports there were only ${outcome[0][1]}`);
  });
}

async function characters(world) {
  await world.using([world.conformance(["message"])], async (c) => {
    for (const text of ODD) {
      equal(await c.call("Echo", text), text, "result");
      equal(await c.call("EchoAny", { [text]: text }), { [text]: text }, "result");
      await c.call("SendTo", c.id, text);
      await c.hears("message", [c.id, text]);
    }
  });
}

/** Of a WebSocket's message 64 KB are taken, of an HTTP request much more. */
async function large(world) {
  const most = world.transport === "webSockets" ? 65_000 : 1_000_000;
  await world.using([world.conformance(["message"])], async (c) => {
    const echoed = await c.page.evaluate(async (most) => {
      const text = "+é</script>".repeat(most / 12);
      return (await window.invoke("it", "conformance", "Echo", text)) === text;
    }, most);
    assert(echoed, "what came back is not what was sent");
    const length = await c.page.evaluate(async () => (await window.invoke("it", "conformance", "Large", 3_000_000)).length);
    equal(length, 3_000_000, "length of the result");
    const long = "y".repeat(60_000);
    await c.call("SendTo", c.id, long);
    await c.hears("message", [c.id, long]);
    equal((await c.record("states")).at(-1), "connected", "state");
  });
}

/** The socket is closed, the call lost, the connection not. */
async function tooLarge(world) {
  await world.using([world.conformance()], async (c) => {
    const { message } = await c.fails("conformance", "Echo", "z".repeat(65_536));
    equal(message, "Connection started reconnecting before invocation result was received.", "error");
    await c.logs("reconnected");
    equal(await c.call("request").then(({ connectionId }) => connectionId), c.id, "connection id");
  });
}

async function concurrent(world) {
  await world.using([world.conformance()], async (c) => {
    const order = await c.page.evaluate(async () => {
      const done = [];
      const slow = (ms, value) => window.invoke("it", "conformance", "Slow", ms, value).then((result) => done.push(result));
      await Promise.all([slow(3000, 1), slow(0, 2)]);
      return done;
    });
    equal(order, [2, 1], "order of the results");
    const sums = await c.page.evaluate(() => Promise.all(Array.from({ length: 100 }, (_, i) => window.invoke("it", "conformance", "Add", i, i))));
    equal(sums, Array.from({ length: 100 }, (_, i) => 2 * i), "results of a hundred calls at once");
  });
}

async function pending(world) {
  await world.using([world.conformance()], async (c) => {
    const lost = c.fails("conformance", "Slow", 20_000, 1);
    await c.call("Add", 1, 1);
    await c.stop();
    equal((await lost).message, "Connection was disconnected before invocation result was received.", "error of the open call");
    const late = await c.page.evaluate(() => {
      try {
        window.connections.it.proxies.conformance.invoke("Add", 1, 1);
      } catch (error) {
        return error.message;
      }
      return null;
    });
    equal(late, "SignalR: Connection must be started before data can be sent. Call .start() before .send()", "a call after stop");
    await until("disconnected", async () => (await c.record("states")).at(-1) === "disconnected");
  });
}

export const checks = [
  { name: "start: id, states and events in order, the request as the hub sees it", body: start },
  { name: "results of all kinds, overloads, no result", body: results },
  { name: "errors: shown and hidden ones, HubException with and without data, unknown methods, a hub for users", body: errors },
  { name: "state of the hub proxy, both ways", body: state },
  { name: "progress: of three calls at once, in order, then the result", body: progress },
  { name: "every character survives, both ways", body: characters },
  { name: "large arguments, results and messages", body: large },
  { name: "a message that is too large closes the socket, and costs only its call", body: tooLarge, origin: "same", only: ["webSockets"] },
  { name: "calls run side by side; a hundred at once get their own results", body: concurrent, origin: "same", seconds: 3 },
  { name: "stop with an open call, and a call after stop", body: pending, origin: "same" },
];
