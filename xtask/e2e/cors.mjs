// A hub in an axum application behind tower-http's CORS layer, and the official client in a page of another origin.

import { Checks, assert, equal, goTo, options, otherOrigin, until, watched, withBrowser } from "./harness.mjs";
import { library } from "./conformance/inpage.mjs";
import { SCRIPTS } from "./conformance/world.mjs";

const { url, chromium } = options();
const all = new Checks();

async function client(newContext, elsewhere, transport) {
  const page = watched(await (await newContext()).newPage());
  await goTo(page, elsewhere, Object.keys(SCRIPTS).map((path) => ({ url: elsewhere + path })), "/");
  await page.evaluate(library);
  await page.evaluate((spec) => window.make("it", spec), { url: `${url}/hubs/live`, hubs: { news: ["news"] } });
  const started = await page.evaluate((how) => window.start("it", how), { transport });
  equal(started.transport, transport, "the transport");
  return page;
}

async function check(newContext, elsewhere, transport) {
  const page = await client(newContext, elsewhere, transport);
  const answer = await page.evaluate(() => window.invoke("it", "news", "ask", "why?"));
  equal(answer, "you asked: why?", "the answer");
  const text = `${transport} ${Date.now()}`;
  const posted = await fetch(`${url}/news`, { method: "POST", body: text });
  equal(posted.status, 204, "the answer to POST /news");
  await until("the news", () => page.evaluate((text) => window.connections.it.heard.some(([, each]) => each === text), text));
  assert(await page.evaluate(() => window.connections.it.connection.withCredentials), "credentials are sent");
  assert(!page.failures?.length, `errors of the page: ${page.failures}`);
}

await all.run(() => withBrowser(chromium, async (newContext) => {
  const elsewhere = await otherOrigin(SCRIPTS);
  for (const transport of ["webSockets", "serverSentEvents", "longPolling"]) {
    await all.check(`tower-http's CorsLayer: ${transport} from another origin`, () => check(newContext, elsewhere, transport));
  }
}));
