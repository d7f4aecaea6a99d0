// The shared to-do list: its page in two windows and the terminal client (--rust CMD), which stay right through cuts. The
// server keeps few changes (--keep 5), so that most cuts make a gap. With --screenshot FILE only a picture is taken, of a new server.

import { Checks, Lines, Proxy, assert, blankPage, equal, options, until, watched, withBrowser } from "./harness.mjs";

const { url, chromium, rust, screenshot } = options({ rust: { type: "string" }, screenshot: { type: "string" } });
const checks = new Checks();
const check = checks.check.bind(checks);

const CUTS = 30;
const KEPT = 5;
const MANY = 12; // things on the list: from there on more are removed than added
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const below = (end) => Math.floor(Math.random() * end);

/** A window with the page, which counts the gaps that it is told and the snapshots that it asks for. */
async function open(newContext, origin, settings) {
  const page = watched(await (await newContext(settings)).newPage());
  Object.assign(page, { gaps: 0, snapshots: 0 });
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => { if (payload.includes('"X":[')) page.gaps += 1; });
    socket.on("framesent", ({ payload }) => { if (payload.includes('"M":"snapshot"')) page.snapshots += 1; });
  });
  await page.goto(`${origin}/`);
  await shows(page, "Connected");
  return page;
}

const shows = (page, state) => until(`the page shows "${state}"`, async () => (await page.locator("#status").innerText()) === state);
const row = (page, text) => page.locator("#list li").filter({ hasText: text });

async function add(page, text) {
  await page.getByLabel("Something to do").fill(text);
  await page.keyboard.press("Enter");
}

/** What a page shows: version, and the items as the server has them. */
const shown = (page) => page.evaluate(() => ({
  version: Number(document.getElementById("list").dataset.version),
  items: [...document.querySelectorAll("#list li")].map((row) => ({
    id: Number(row.dataset.id), text: row.querySelector("span").textContent, done: row.querySelector("input").checked })),
}));

/** What the terminal client says when it is asked for the list. */
async function listed(terminal) {
  const before = terminal.lines.length;
  terminal.say("list");
  const end = () => terminal.lines.findIndex((line, n) => n >= before && line.startsWith("= "));
  await until("the terminal client lists", () => end() >= 0);
  const items = terminal.lines.slice(before, end()).map((line) => /^ {2}\[(.)\] (\d+) (.*)$/.exec(line)).filter(Boolean);
  return {
    version: Number(/version (\d+)$/.exec(terminal.lines[end()])[1]),
    items: items.map(([, mark, id, text]) => ({ id: Number(id), text, done: mark === "x" })),
  };
}

/** A page without the page: hub.js as the server gives it, on a line of its own, and what the server says itself. */
async function witness(newContext, origin, prepare = () => {}) {
  const page = await blankPage(await newContext(), origin, [], "/todo.css");
  await page.evaluate(async () => {
    const { HubConnection } = await import("/signalr/hub.js");
    window.connection = new HubConnection("/signalr");
    window.todo = window.connection.hub("todo");
  });
  await page.evaluate(prepare);
  await page.evaluate(() => window.connection.start());
  return page;
}

const call = (page, ...args) => page.evaluate((args) => window.todo.invoke(...args), args);
const truth = async (page) => {
  const { version, items } = await call(page, "snapshot");
  return { version, items };
};

/** Changes something at random on a page, every few milliseconds, as a person would, until it is told to stop. */
function restless([name, many]) {
  let n = 0;
  window.restless = setInterval(() => {
    const rows = [...document.querySelectorAll("#list li")];
    const any = rows[Math.floor(Math.random() * rows.length)];
    const dice = Math.random() * (rows.length > many ? 1 : 0.7);
    if (!any || dice < 0.35) {
      document.getElementById("text").value = `${name} ${n++}`;
      document.getElementById("composer").requestSubmit();
    } else if (dice < 0.7) any.querySelector("input").click();
    else any.querySelector("button").click();
  }, 20);
}

/** The same by the terminal client. */
function typing(terminal) {
  let n = 0;
  return setInterval(() => {
    const ids = terminal.lines.slice(-60).map((line) => /^\+ (\d+) /.exec(line)?.[1]).filter(Boolean);
    const any = ids[below(ids.length)];
    const wanted = !any ? "add" : ["add", "done", "undone", "remove"][below(4)];
    terminal.say(wanted === "add" ? `add terminal ${n++}` : `${wanted} ${any}`);
  }, 40);
}

async function everyday(newContext) {
  let ann;
  let bob;
  await check("the page: what one adds, checks and removes the other sees", async () => {
    ann = await open(newContext, url);
    bob = await open(newContext, url, PHONE);
    await add(ann, "milk");
    await add(ann, `<b>"bread"</b> & \u2028 😀`);
    await row(bob, "milk").locator("input").click();
    await until("milk is done", () => row(ann, "milk").locator("input").isChecked());
    equal(await ann.locator("#list span").allTextContents(), ["milk", `<b>"bread"</b> & \u2028 😀`], "texts");
    equal(await ann.locator("#count").innerText(), "1 to do, 1 done", "count");
    await row(ann, "milk").hover();
    await ann.getByRole("button", { name: "Remove milk" }).click();
    await until("it is gone", async () => !await row(bob, "milk").count());
    equal(await shown(bob), await shown(ann), "the other's list");
  }, { vital: true });

  await check("the page: a refusal is shown, and the text stays", async () => {
    await add(ann, "   ");
    await until("the error", async () => (await ann.locator("#problem").innerText()) === "say what is to be done");
    equal(await ann.getByLabel("Something to do").inputValue(), "   ", "text field");
  });

  await check("the page on a phone: nothing sticks out, also when it is disconnected", async () => {
    const fits = async () => equal(await bob.evaluate(() => [...document.querySelectorAll("body *")]
      .filter((node) => node.getBoundingClientRect().right > window.innerWidth + 0.5 && !node.closest(".unseen")).map((node) => node.outerHTML)),
    [], "what sticks out");
    await add(bob, `${"word ".repeat(8)}${"x".repeat(150)}`);
    await row(bob, "xxx").waitFor();
    await fits();
    await bob.route("**/negotiate?*", (route) => route.abort());
    await bob.reload();
    await shows(bob, "Disconnected");
    await fits();
    assert(await bob.locator("#add").isDisabled(), "the button to add is enabled");
    await bob.unroute("**/negotiate?*");
    await bob.getByRole("button", { name: "Reconnect" }).click();
    await shows(bob, "Connected");
    await row(bob, "xxx").waitFor();
  });
  await check("the page: no errors", async () => equal([...ann.failures, ...bob.failures], [], "errors"));
  for (const page of [ann, bob]) await page.close();
}

async function answers(newContext) {
  const proxy = await Proxy.before(url);
  const ours = await witness(newContext, url);
  const theirs = await witness(newContext, proxy.url, () => {
    window.open = [];
    window.todo.on("version", () => new Promise((resolve) => { window.open.push(resolve); }));
  });
  const id = await theirs.evaluate(() => window.connection.id);
  const is = (state) => until(`it is ${state}`, () => theirs.evaluate((state) => window.connection.state === state, state));
  const asked = (n) => until(`it is asked ${n} times`, () => theirs.evaluate((n) => window.open.length === n, n));
  const gives = (n, value) => theirs.evaluate(([n, value]) => window.open[n](value), [n, value]);
  const had = async (answers, version) => equal((await answers).find(({ who }) => who === id), { who: id, version, problem: null }, "its answer");

  await check("hub.js answers: a value, also of a handler that takes its time", async () => {
    const checked = call(ours, "check");
    await asked(1);
    await gives(0, 41);
    await had(checked, 41);
    equal((await checked).find(({ who }) => who !== id).problem !== null, true, "who has no handler says so");
  });

  await check("hub.js answers: what is known while the line is cut is said on the next one", async () => {
    const checked = call(ours, "check");
    await asked(2);
    proxy.cut();
    await is("reconnecting");
    await gives(1, 42);
    proxy.heal();
    await had(checked, 42);
    await is("connected");
  });

  await check("hub.js answers: what a dying line has swallowed is said again on the next one", async () => {
    const checked = call(ours, "check");
    await asked(3);
    proxy.stall();
    await gives(2, 43);
    await theirs.evaluate(() => new Promise((resolve) => { setTimeout(resolve); })); // it has left
    proxy.cut();
    proxy.flow();
    await is("reconnecting");
    proxy.heal();
    await had(checked, 43);
    await is("connected");
  });

  await check("hub.js answers: who was away is asked when it is back, once", async () => {
    proxy.cut();
    await is("reconnecting");
    const checked = call(ours, "check");
    proxy.heal();
    await asked(4);
    await gives(3, 44);
    await had(checked, 44);
    equal(await theirs.evaluate(() => window.open.length), 4, "how often it was asked");
  });
  for (const page of [ours, theirs]) await page.close();
  await proxy.close();
}

async function cuts(newContext) {
  const server = await witness(newContext, url);
  const lines = await Promise.all([1, 2, 3].map(() => Proxy.before(url)));
  const pages = [await open(newContext, lines[0].url), await open(newContext, lines[1].url)];
  const terminal = rust && new Lines(rust, ["--url", lines[2].url]);
  const names = terminal ? ["page 1", "page 2", "terminal"] : ["page 1", "page 2"];
  const backs = () => terminal.lines.filter((line) => line === "* Connected").length;
  let id;

  /** Changes what the cuts change, or adds it anew if somebody has taken it away. */
  async function change(done) {
    await call(server, "done", id, done).catch(async (error) => {
      if (!/not on the list/.test(error.message)) throw error;
      id = await call(server, "add", "stays");
    });
  }

  /** Cuts one line; while it is away so much changes that the server has not kept it all. */
  async function cut(which) {
    const before = which === 2 && backs();
    lines[which].cut();
    for (let n = 0; n < KEPT + 3; n++) await change(n % 2 === 0);
    if (which < 2) await until("the line is missed", async () => (await pages[which].locator("#status").innerText()) !== "Connected");
    lines[which].heal();
    await until(`${names[which]} is back`, async () => (which === 2 ? backs() > before
      : (await pages[which].locator("#status").innerText()) === "Connected"), 30_000);
    // Sometimes in the middle of what a return is about.
    if (below(2)) await pause(below(60));
  }

  await check(`${names.length} change the list while their lines are cut ${CUTS} times each: all end with the server's`, async () => {
    if (terminal) await terminal.hears("= ");
    id = await call(server, "add", "stays");
    await pages[0].evaluate(restless, ["Ann", MANY]);
    await pages[1].evaluate(restless, ["Bob", MANY]);
    const typed = terminal && typing(terminal);
    await Promise.all(names.map(async (_, which) => {
      for (let n = 0; n < CUTS; n++) await cut(which);
    }));
    for (const page of pages) await page.evaluate(() => clearInterval(window.restless));
    clearInterval(typed);
    for (const page of pages) await shows(page, "Connected");
    let right;
    const same = (list) => JSON.stringify(list) === JSON.stringify(right);
    // Calls that are under way may still change it.
    await until("all have the server's list", async () => {
      right = await truth(server);
      const lists = [await shown(pages[0]), await shown(pages[1]), ...terminal ? [await listed(terminal)] : []];
      return lists.every(same) && same(await truth(server));
    }).catch(async ({ message }) => {
      const lists = { server: await truth(server), 1: await shown(pages[0]), 2: await shown(pages[1]), 3: terminal && await listed(terminal) };
      throw new Error(`${message}; they have ${JSON.stringify(lists)}`);
    });
    assert(right.version > CUTS * KEPT, `only ${right.version} changes`);
    for (const page of pages) {
      assert(page.gaps >= CUTS / 2, `only ${page.gaps} gaps`);
      assert(page.snapshots > page.gaps, `${page.snapshots} snapshots of ${page.gaps} gaps and the start`);
      equal(page.failures, [], "errors of the page");
    }
    if (terminal) assert(terminal.lines.filter((line) => line.startsWith("* something was missed")).length >= CUTS / 2, "few gaps of the terminal");
    console.log(`    ${right.version} changes; gaps: ${pages.map(({ gaps }) => gaps)}, snapshots: ${pages.map(({ snapshots }) => snapshots)}`);
  });

  await check("all answer that they have the same version", async () => {
    const { version } = await truth(server);
    const all = await call(server, "check");
    equal(all.filter((each) => each.version === version).length, names.length, `those who have ${version}, of ${JSON.stringify(all)}`);
  });
  await terminal?.end();
  for (const line of lines) await line.close();
}

async function picture(newContext) {
  await check(`the picture ${screenshot}`, async () => {
    const page = await open(newContext, url, { viewport: { width: 760, height: 500 }, deviceScaleFactor: 2, colorScheme: "light" });
    const things = ["Pull the network cable", "Check what the other window says", "Change half of the list meanwhile", "Put the cable back", "Compare: both lists are the same", "Tell the others"];
    for (const text of things) {
      await add(page, text);
      await row(page, text).waitFor();
    }
    for (const text of things.slice(0, 3)) {
      await row(page, text).locator("input").click();
      await page.locator("#list li.done").filter({ hasText: text }).waitFor();
    }
    await page.mouse.move(0, 0);
    await page.screenshot({ path: screenshot });
  });
}

await checks.run(() => withBrowser(chromium, async (newContext) => {
  if (screenshot) return picture(newContext);
  await everyday(newContext);
  await answers(newContext);
  await cuts(newContext);
}));
