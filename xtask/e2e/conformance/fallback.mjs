// Transports that do not work: the client takes the next one.

import { equal } from "../harness.mjs";

const NONE = "No transport could be initialized successfully. Try specifying a different transport or none at all for auto initialization.";

/** Run in the page before anything else. */
const broken = {
  refused: () => {
    window.WebSocket = class {
      constructor() { setTimeout(() => this.onclose?.({ wasClean: false, code: 1006 })); }
      close() {}
    };
  },
  silent: () => {
    window.WebSocket = class { close() {} };
  },
  none: () => { window.WebSocket = undefined; },
  streams: () => { window.WebSocket = undefined; window.EventSource = undefined; },
};

const auto = { transport: "auto" };

async function best(world) {
  await world.using([world.conformance([], { options: auto })], async (c) => equal(c.transport, "webSockets", "transport"));
}

async function next(world) {
  const open = (how, options = auto) => world.conformance(["message"], { init: broken[how], options });
  const list = { transport: ["foreverFrame", "webSockets", "longPolling"] };
  await world.using([open("refused"), open("none"), open("streams"), open("none", list)], async (...clients) => {
    // Pages of another origin can't read what is in a frame.
    const last = world.cross ? "longPolling" : "foreverFrame";
    const wanted = ["serverSentEvents", "serverSentEvents", last, "longPolling"];
    equal(clients.map(({ transport }) => transport), wanted, "transports");
    for (const c of clients) {
      await c.call("SendTo", c.id, "x");
      await c.hears("message", [c.id, "x"]);
      equal(await c.call("Events", c.id), ["connected"], "life of the connection");
    }
  });
}

/** After TransportConnectTimeout, five seconds. */
async function silent(world) {
  const before = Date.now();
  await world.using([world.conformance(["message"], { init: broken.silent, options: auto })], async (c) => {
    equal([c.transport, Date.now() - before >= 5000], ["serverSentEvents", true], "transport, and whether it took its time");
    equal(await c.call("Events", c.id), ["connected"], "life of the connection");
  });
}

async function foreign(world) {
  const errors = /^(Failed to read a named property 'jQuery'|r is not a function)/;
  const blocked = ({ page }) => { page.failures = page.failures.filter((text) => !errors.test(text)); };
  await world.using([world.conformance([], { started: false })], async (c) => {
    equal((await c.refused()).message, NONE, "error");
    blocked(c);
  });
  await world.using([world.conformance(["number"], { options: { transport: ["foreverFrame", "longPolling"] } })], async (c) => {
    equal(c.transport, "longPolling", "transport");
    await c.call("SendMany", 3);
    equal(await c.values("number", 3), [0, 1, 2], "numbers");
    equal(await c.call("Events", c.id), ["connected"], "life of the connection");
    blocked(c);
  });
}

export const checks = [
  { name: "without a wish it is webSockets", body: best, only: ["webSockets"] },
  { name: "transports that fail give way to the next", body: next, only: ["webSockets"] },
  { name: "a transport that says nothing gives way, too", body: silent, seconds: 6, only: ["webSockets"] },
  { name: "foreverFrame does not work across origins, and gives way", body: foreign, seconds: 10, only: ["foreverFrame"], origin: "cross" },
];
