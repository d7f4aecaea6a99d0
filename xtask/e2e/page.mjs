// The chat page in two windows, and with --rust CMD a terminal client beside them.

import { Checks, Lines, Proxy, assert, equal, options, until, withBrowser } from "./harness.mjs";

const { url, chromium, rust, screenshot } = options({ rust: { type: "string" }, screenshot: { type: "string" } });
const checks = new Checks();
const check = checks.check.bind(checks);
const room = `e2e-${Date.now().toString(36)}`;
const DESKTOP = { width: 1200, height: 760 };
const PHONE = { width: 390, height: 844 };

/** A window of its own, that is, with its own storage, in which somebody has come in. */
async function enter(newContext, name, { origin = url, into = room, ...settings } = {}) {
  const page = await (await newContext({ viewport: DESKTOP, ...settings })).newPage();
  page.failures = [];
  page.on("pageerror", (error) => page.failures.push(error.message));
  await page.goto(`${origin}/`);
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Room", { exact: true }).fill(into);
  await page.keyboard.press("Enter");
  await shows(page, "Connected");
  return page;
}

const shows = (page, state) => until(`the page shows "${state}"`, async () => (await page.locator("#status").innerText()) === state);
const reads = (page, text) => page.locator(".message .text", { hasText: text }).first().waitFor();
const isHere = (page, name) => page.locator("#people .who", { hasText: name }).first().waitFor();

async function write(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

/** No horizontal scrolling, and nothing that sticks out of the window. */
async function fits(page) {
  const [content, width, outside] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth,
    [...document.querySelectorAll("main *")].filter((node) => node.getBoundingClientRect().right > window.innerWidth + 0.5)
      .map((node) => `${node.localName}.${node.className}`)]);
  assert(content <= width, `the page is ${content} px wide in a window of ${width}`);
  equal(outside, [], "what sticks out of the window");
}

await checks.run(() => withBrowser(chromium, async (newContext) => {
  const proxy = await Proxy.before(url);
  let ann;
  let bob;

  await check("two people come in and see each other", async () => {
    ann = await enter(newContext, "Ann", { origin: proxy.url });
    bob = await enter(newContext, "Bob");
    await isHere(ann, "Bob");
    await isHere(bob, "Ann");
  }, { vital: true });

  await check("messages both ways; one's own are told apart", async () => {
    await write(ann, "Good morning, Bob");
    await write(bob, "Morning, Ann");
    for (const page of [ann, bob]) {
      await reads(page, "Good morning, Bob");
      await reads(page, "Morning, Ann");
    }
    equal(await ann.locator(".message.own .text").allInnerTexts(), ["Good morning, Bob"], "Ann's own messages");
    equal(await bob.locator(".message.own .text").allInnerTexts(), ["Morning, Ann"], "Bob's own messages");
  });

  await check("what people write is text, never markup", async () => {
    const text = `<img src=x onerror="window.broken=1"> </script> "q" 'q' \u2028 + 😀`;
    await write(ann, text);
    await until("Bob reads it as it was written", async () =>
      (await bob.locator(".message .text").allTextContents()).includes(text));
    equal(await bob.evaluate(() => [window.broken ?? null, document.querySelectorAll("#log img").length]), [null, 0], "effects");
  });

  await check("the hub's error is shown, and the text stays", async () => {
    await write(ann, "   ");
    await until("the error", async () => (await ann.locator("#problem").innerText()) === "say something first");
    equal(await ann.getByLabel("Message", { exact: true }).inputValue(), "   ", "text field");
    await ann.getByLabel("Message", { exact: true }).fill("");
  });

  await check("another room: unread messages are counted, and read by switching", async () => {
    await ann.getByLabel("Join or create a room").fill(`${room}-2`);
    await ann.keyboard.press("Enter");
    await isHere(ann, "Ann");
    await write(bob, "unread 1");
    await write(bob, "unread 2");
    const item = ann.locator("#rooms li", { has: ann.getByText(room, { exact: true }) });
    await until("the counter says 2", async () => (await item.locator(".badge").allInnerTexts()).join() === "2");
    await item.locator(".switch").click();
    await reads(ann, "unread 2");
    equal(await item.locator(".badge").count(), 0, "counters after switching");
  });

  await check("a new name is seen by the others", async () => {
    await bob.getByLabel("You are").fill("Bobby");
    await bob.keyboard.press("Enter");
    await isHere(ann, "Bobby");
    await write(bob, "it is me");
    await until("the message is Bobby's", async () =>
      (await ann.locator(".message", { hasText: "it is me" }).locator(".head b").textContent()) === "Bobby");
    await bob.getByLabel("You are").fill("Bob");
    await bob.keyboard.press("Enter");
    await isHere(ann, "Bob");
  });

  await check("an announcement reaches everybody", async () => {
    await write(ann, "/all lunch is ready");
    for (const page of [ann, bob]) await page.locator(".announcement", { hasText: "lunch is ready" }).waitFor();
  });

  await check("a lost line: the state shows it, nothing is lost, nothing comes twice", async () => {
    proxy.cut();
    await shows(ann, "Reconnecting…");
    for (let i = 1; i <= 5; i++) await write(bob, `while away ${i}`);
    await reads(bob, "while away 5");
    proxy.heal();
    await shows(ann, "Connected");
    await reads(ann, "while away 5");
    equal(await ann.locator(".message .text", { hasText: "while away" }).allInnerTexts(),
      [1, 2, 3, 4, 5].map((i) => `while away ${i}`), "messages");
    await write(ann, "I am back");
    await reads(bob, "I am back");
  });

  await check("name and rooms survive a reload", async () => {
    await ann.reload();
    await shows(ann, "Connected");
    await isHere(ann, "Bob");
    await write(bob, "seen after the reload");
    await reads(ann, "seen after the reload");
  });

  await check("disconnected: said, with a button that connects and joins again", async () => {
    const negotiation = /\/signalr\/negotiate\?/;
    await ann.route(negotiation, (route) => route.abort());
    await ann.reload();
    await shows(ann, "Disconnected");
    assert(await ann.locator("#send").isDisabled(), "the button to send is enabled");
    await ann.unroute(negotiation);
    await ann.getByRole("button", { name: "Reconnect" }).click();
    await shows(ann, "Connected");
    assert(!await ann.getByRole("button", { name: "Reconnect" }).isVisible(), "the button is still there");
    await isHere(ann, "Bob");
    await write(bob, "seen after reconnecting");
    await reads(ann, "seen after reconnecting");
  });

  if (rust) {
    await check("a Rust terminal client: messages of all three reach all three", async () => {
      const terminal = new Lines(rust, ["--url", url, "--room", room, "--user", "Rusty"]);
      try {
        await isHere(ann, "Rusty");
        await write(ann, "from the first window");
        await terminal.hears(`[${room}] Ann: from the first window`);
        await write(bob, "from the second window");
        await terminal.hears(`[${room}] Bob: from the second window`);
        terminal.say("from the terminal");
        await terminal.hears(`[${room}] Rusty: from the terminal`);
        for (const page of [ann, bob]) {
          for (const text of ["from the first window", "from the second window", "from the terminal"]) await reads(page, text);
        }
        equal(await ann.locator(".message", { hasText: "from the terminal" }).locator(".head b").textContent(), "Rusty", "speaker");
      } finally {
        await terminal.end();
      }
    });
  }

  await check("a window that is closed has left at once", async () => {
    const eve = await enter(newContext, "Eve");
    await isHere(ann, "Eve");
    await eve.goto("about:blank");
    await ann.locator(".note", { hasText: "Eve left" }).waitFor({ timeout: 3000 });
    await until("Eve is not in the list", async () => !(await ann.locator("#people .who").allInnerTexts()).includes("Eve"));
  });

  await check("on a phone: nothing scrolls sideways, rooms are in a drawer", async () => {
    const phone = await enter(newContext, "Zoë with a really long name", { viewport: PHONE, isMobile: true, hasTouch: true });
    await write(phone, `${"word ".repeat(40)}${"x".repeat(300)}`);
    await reads(phone, "xxx");
    await fits(phone);
    assert(!await phone.getByLabel("Join or create a room").isVisible(), "the drawer is open from the start");
    await phone.getByRole("button", { name: "Rooms and people" }).click();
    await phone.getByLabel("Join or create a room").fill(`${room}-phone`);
    await phone.keyboard.press("Enter");
    await until("the drawer closes", async () => !await phone.getByLabel("Join or create a room").isVisible());
    equal(await phone.locator("#title").innerText(), `# ${room}-phone`, "title");
    await fits(phone);
    await phone.route("**/negotiate?*", (route) => route.abort());
    await phone.reload();
    await shows(phone, "Disconnected");
    await fits(phone);
  });

  await check("no page had an error", async () => equal([...ann.failures, ...bob.failures], [], "errors"));

  if (screenshot) {
    await check(`the picture ${screenshot}`, async () => {
      const mia = await enter(newContext, "Mia", { into: "lobby", deviceScaleFactor: 2, colorScheme: "light" });
      const noah = await enter(newContext, "Noah", { into: "lobby" });
      await isHere(mia, "Noah");
      for (const name of ["design", "releases"]) {
        await mia.getByLabel("Join or create a room").fill(name);
        await mia.keyboard.press("Enter");
        await isHere(mia, "Mia");
      }
      await mia.locator("#rooms .switch", { hasText: "lobby" }).click();
      await isHere(mia, "Noah");
      const talk = [
        [noah, "Is the new hub up already?"],
        [mia, "It is. You're talking through it."],
        [noah, "Ha. And I just pulled my network cable for ten seconds."],
        [noah, "I can't find a single message missing."],
        [mia, "None is. The line came back, you picked up where you had stopped reading."],
        [mia, "The old terminal client and the browser both talk to it, unchanged."],
        [noah, "Then let's ship it."],
      ];
      for (const [page, text] of talk) {
        await write(page, text);
        await reads(mia, text);
        await reads(noah, text);
      }
      await noah.getByLabel("Join or create a room").fill("releases");
      await noah.keyboard.press("Enter");
      await isHere(noah, "Mia");
      await write(noah, "Draft of the notes is in");
      await mia.locator("#rooms .badge").waitFor();
      await mia.mouse.move(0, 0);
      await mia.screenshot({ path: screenshot });
    });
  }
  await proxy.close();
}));
