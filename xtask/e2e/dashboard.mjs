// The dashboard of a chat with 200 live clients: what it shows is what there is.

import { Checks, Server, assert, equal, options, until, watched, withBrowser } from "./harness.mjs";
import { Bare, Modern, Polling, Streaming, answered, enter, talk } from "./crowd.mjs";

const { url, chromium, program, screenshot } = options({ program: { type: "string" }, screenshot: { type: "string" } });
const checks = new Checks();
const check = checks.check.bind(checks);
const rooms = Array.from({ length: 12 }, (_, n) => `room ${n + 1}`);
const CROWD = [[Bare, 90], [Modern, 50], [Streaming, 40], [Polling, 20]];
const DESKTOP = { width: 1180, height: 720 };
const PHONE = { width: 390, height: 844 };

/** A window with the dashboard; `failures` has what its own security policy forbade, too. */
async function open(newContext, address, settings = {}) {
  const page = watched(await (await newContext({ viewport: DESKTOP, ...settings })).newPage());
  page.on("console", (message) => message.type() === "error" && page.failures.push(message.text()));
  await page.goto(address);
  await until("the page is connected", async () => (await page.locator("#status").innerText()) === "Live");
  return page;
}

const value = (page, chart) => page.locator(`#${chart} .value`).innerText();
const part = (page, chart, name) => page.locator(`#${chart} [data-name="${name}"] dd`).innerText();
const number = (text) => Number(text.replaceAll(",", ""));

async function shows(page, chart, expected) {
  let last;
  await until(() => `${chart} shows ${expected}, not ${last}`, async () => (last = await value(page, chart)) === String(expected));
}

await checks.run(() => withBrowser(chromium, async (newContext) => {
  const server = await Server.start(program, ["--dashboard"]);
  const [, address] = await until("the dashboard's address", () => /^dashboard: (\S+)\n/m.exec(server.said));
  const base = new URL(address);
  let page;
  const crowd = new Map();
  let quiet;

  await check("it is there for those who have its address, and for nobody else", async () => {
    const status = async (at) => (await fetch(at)).status;
    equal(await status(address), 200, "with the token");
    equal(await status(`${base.origin}${base.pathname}`), 401, "without");
    equal(await status(`${base.origin}${base.pathname}?token=wrong`), 401, "with another one");
    const hub = `${base.origin}/signalr/negotiate?clientProtocol=2.1&connectionData=${encodeURIComponent('[{"name":"dashboard"}]')}`;
    equal(await status(hub), 401, "its hub, without");
    equal(await status(`${hub}&${base.searchParams}`), 200, "its hub, with the token");
    const off = await (await fetch(`${url}/signalr/dashboard`)).text();
    assert(!off.includes("<title>"), "a chat that was not asked for a dashboard has one");
  }, { vital: true });

  await check("the page comes up, and counts itself", async () => {
    page = await open(newContext, address, { colorScheme: "light", deviceScaleFactor: screenshot ? 2 : 1 });
    await shows(page, "transports", 1);
    await shows(page, "groups", 0);
  }, { vital: true });

  await check("200 clients: connections by transport and by protocol, groups", async () => {
    for (const [Kind, count] of CROWD) crowd.set(Kind, await enter(base.origin, Kind, count, rooms));
    await shows(page, "transports", 201);
    for (const [name, count] of [["web_sockets", 141], ["server_sent_events", 40], ["long_polling", 20]]) {
      equal(await part(page, "transports", name), String(count), name);
    }
    await shows(page, "protocols", 201);
    const spoken = number(await part(page, "protocols", "classic")) + number(await part(page, "protocols", "classic-tagged"));
    equal(spoken, 201, "those who speak classic");
    equal(await part(page, "protocols", "classic-tagged"), "51", "hub.js, the page's own among it");
    await shows(page, "groups", rooms.length);
  }, { vital: true });

  await check("calls a second, with those that failed, and their latency", async () => {
    // A tide, so that the picture has something to show.
    const began = Date.now();
    const pace = () => screenshot ? 100 + 40 * Math.sin((Date.now() - began) / 15_000) : 100;
    quiet = talk([...crowd.get(Bare), ...crowd.get(Modern)], pace);
    const before = { ...answered, at: Date.now() };
    await until("the number of calls is about what is called", async () => {
      const seconds = (Date.now() - before.at) / 1000;
      const called = (answered.all - before.all) / seconds;
      const shown = number(await value(page, "calls"));
      return seconds > 3 && shown > called * 0.7 && shown < called * 1.3;
    });
    const failed = number(await part(page, "calls", "failed"));
    assert(failed > 0 && failed < 15, `${failed} failed a second`);
    const half = await value(page, "latency");
    assert(/^[\d.]+ (µs|ms)$/.test(half), `the latency is ${half}`);
    equal(await page.locator("#latency dl dd").count(), 3, "percentiles");
    assert(number(await value(page, "sent")) > 30, "what the calls send is shown");
  });

  await check("somebody who does not read is a slow consumer", async () => {
    const [sleeper, talker] = [await new Bare().open(base.origin), await new Bare().open(base.origin)];
    for (const each of [sleeper, talker]) await each.call("join", "noise", "somebody");
    sleeper.socket.pause();
    const text = "x".repeat(4_000);
    // More than the sockets hold; not faster than the others talk, so that the picture shows them, too.
    await until("a slow consumer is shown", async () => {
      await Promise.all(Array.from({ length: 20 }, () => talker.call("send", "noise", text)));
      return number(await value(page, "slow")) >= 1;
    }, 60_000);
    sleeper.socket.terminate();
    await talker.close();
  });

  await check("who comes back too late has a gap", async () => {
    const before = number(await value(page, "gaps"));
    for (const late of crowd.get(Streaming).slice(0, 3)) await late.comesBackLate();
    await until("three gaps more", async () => number(await value(page, "gaps")) >= before + 3);
  });

  await check("whoever opens it later sees what was before", async () => {
    const later = await open(newContext, address, { colorScheme: "dark" });
    await until("the line is as long as the first page's", async () =>
      await later.locator("#calls path.line").first().evaluate((line) => line.getAttribute("d").split("L").length) > 5);
    await until("both show the same", async () => await value(later, "groups") === await value(page, "groups"));
    const ground = await later.evaluate(() => getComputedStyle(document.body).backgroundColor);
    equal(ground, "rgb(18, 24, 22)", "the ground of a dark page");
    equal(later.failures, [], "errors");
    await later.close();
  });

  await check("on a phone nothing scrolls sideways", async () => {
    const phone = await open(newContext, address, { viewport: PHONE, isMobile: true });
    await until("numbers are shown", async () => await value(phone, "transports") !== "–");
    const [content, width] = await phone.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert(content <= width, `the page is ${content} px wide in a window of ${width}`);
    await phone.close();
  });

  if (screenshot) {
    await check(`the picture ${screenshot}`, async () => {
      const points = () => page.locator("#transports path.line").first().evaluate((line) => line.getAttribute("d").split("L").length);
      await until("there are two minutes to show", async () => await points() >= 118, 150_000);
      await page.screenshot({ path: screenshot, fullPage: true });
    });
  }

  await check("those who go are seen to go", async () => {
    quiet?.();
    const leaving = [...crowd.get(Streaming), ...crowd.get(Polling), ...crowd.get(Bare)];
    await Promise.all(leaving.map((client) => client.close()));
    await shows(page, "transports", 51);
    equal(await part(page, "transports", "long_polling"), "0", "long polling");
    await until("no calls", async () => await value(page, "latency") === "–");
    equal(await value(page, "calls"), "0", "calls");
  });

  await check("no page had an error, and its policy forbade nothing", async () => equal(page.failures, [], "errors"));

  await Promise.all(crowd.get(Modern)?.map((client) => client.close()) ?? []);
  await server.end();
}));
