// Answers in the middle of a connection's life that are not what the client hoped for.

import { Proxy, equal } from "../harness.mjs";

const NEGOTIATION = "Error during negotiation request.";
const START = "Error during start request. Stopping the connection.";
const TRANSPORT = "No transport could be initialized successfully. Try specifying a different transport or none at all for auto initialization.";

const altered = (world, verb, status, more = {}) => world.connect({
  path: "/statusCodeConnection", qs: { alterWhen: verb, statusCode: String(status) }, ...more });

/** Every ten minutes, in life; here at once. */
async function ping(world) {
  const options = { pingInterval: 500 };
  const all = [401, 403, 500].map((status) => altered(world, "ping", status, { options }));
  await world.using(all, async (...clients) => {
    for (const [i, status] of [401, 403].entries()) {
      await clients[i].logs(`error: Failed to ping server.  Server responded with status code ${status}, stopping the connection.`);
      await clients[i].logs("disconnected");
    }
    await clients[2].logs("error: Failed to ping server.");
    equal((await clients[2].record("states")).at(-1), "connected", "state after a ping that only failed");
  });
  const { page } = await world.conformance([], { options });
  await page.waitForResponse((response) => response.url().includes("/signalr/ping") && response.status() === 200);
  await world.done(page);
}

async function starting(world) {
  const cases = [["negotiate", 500, NEGOTIATION], ["negotiate", 403, NEGOTIATION], ["connect", 500, TRANSPORT], ["start", 500, START], ["start", 403, START]];
  await Promise.all(cases.map(([verb, status, text]) => world.using([altered(world, verb, status, { started: false })], async (c) => {
    equal((await c.refused()).message, text, `error of ${verb} with ${status}`);
    if (text !== TRANSPORT) await c.logs("disconnected");
  })));
}

async function sending(world) {
  await world.using([altered(world, "send", 500)], async (c) => {
    await c.send("x");
    await c.logs("error: Send failed.");
    equal((await c.record("states")).at(-1), "connected", "state");
  });
}

/** A connection that is refused when it comes back gives up at the end of its time. */
async function reconnecting(world) {
  const proxy = await Proxy.before(world.hasty);
  await world.using([altered(world, "reconnect", 500, { server: proxy.url })], async (c) => {
    proxy.cut();
    await c.logs("reconnecting");
    proxy.heal();
    if (world.transport === "longPolling") {
      // It takes itself for reconnected while its request is under way.
      await c.logs(/^error: Long polling request failed/);
    } else {
      await c.logs("disconnected", 20_000);
      await c.logs("error: Couldn't reconnect within the configured timeout of 6000 ms, disconnecting.");
    }
  });
  await proxy.close();
}

async function polling(world) {
  await world.using([altered(world, "poll", 500, { started: false })], async (c) => {
    // The first poll is under way at the same time as the start: what fails first is what counts.
    const outcome = await c.page.evaluate((how) => window.start("it", how).then(() => "started", ({ message }) => message), c.how);
    if (outcome === "started") {
      await c.logs("reconnecting");
      await c.logs(/^error: Long polling request failed/);
    } else {
      equal(outcome, START, "error of the start");
      await c.logs("disconnected");
    }
  });
}

async function redirected(world) {
  const open = (verb, more) => world.connect({ path: "/redirectionConnection", qs: { redirectWhen: verb }, ...more });
  const cases = [["negotiate", NEGOTIATION], ["connect", TRANSPORT], ["start", START]];
  await Promise.all(cases.map(([verb, text]) => world.using([open(verb, { started: false })], async (c) => {
    equal((await c.refused()).message, text, `error of ${verb}`);
  })));
  await world.using([open("ping", { options: { pingInterval: 500 } })], async (c) => {
    await c.logs("error: Failed to ping server.");
    equal((await c.record("states")).at(-1), "connected", "state after a ping that was led away");
  });
}

async function unknown(world) {
  await world.using([world.connect({ hubs: { noSuchHub: [] }, started: false })], async (c) => {
    equal((await c.refused()).message, NEGOTIATION, "error");
  });
}

export const checks = [
  { name: "pings: refused ones stop the connection, failed ones do not", body: ping, seconds: 2 },
  { name: "statuses of negotiate, connect and start", body: starting, seconds: 6 },
  { name: "statuses of send", body: sending, except: ["webSockets"] },
  { name: "statuses of reconnect", body: reconnecting, origin: "same", seconds: 11 },
  { name: "statuses of poll", body: polling, origin: "same", only: ["longPolling"], seconds: 4 },
  { name: "302 where nobody expects it", body: redirected, seconds: 6 },
  { name: "a hub that does not exist", body: unknown, origin: "same" },
];
