// What the programs share: options, checks, a browser, pages, a TCP proxy that can be cut, and servers of their own.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const PATIENCE_MS = 15_000;

/** The command line: `--url` is required, the rest is as each program says. */
export function options(more = {}) {
  const { values } = parseArgs({
    options: { url: { type: "string" }, chromium: { type: "string", default: "/usr/bin/chromium" }, ...more },
  });
  if (!values.url) {
    console.error("usage: --url http://127.0.0.1:PORT [--chromium /usr/bin/chromium]");
    process.exit(2);
  }
  return { ...values, url: values.url.replace(/\/+$/, "") };
}

class Abandoned extends Error {}

/** Named checks that go on after a failure, and the closing line. */
export class Checks {
  #passed = 0;
  #failed = 0;

  /** Runs one check. After a `vital` one that failed there is nothing left to look at: it ends the run. */
  async check(name, body, { vital = false } = {}) {
    try {
      await body();
      this.#passed += 1;
      console.log(`ok - ${name}`);
    } catch (error) {
      this.#failed += 1;
      console.log(`not ok - ${name}\n    ${String(error.stack ?? error).replaceAll("\n", "\n    ")}`);
      if (vital) throw new Abandoned(name);
    }
  }

  /** Runs checks side by side, `width` at a time, the first ones first. */
  async together(checks, width) {
    const left = [...checks];
    const worker = async () => {
      for (let next = left.shift(); next; next = left.shift()) await this.check(next.name, next.body);
    };
    await Promise.all(Array.from({ length: width }, worker));
  }

  /** Runs the whole program, prints the totals and sets the exit code. */
  async run(program) {
    try {
      await program();
    } catch (error) {
      if (!(error instanceof Abandoned)) {
        this.#failed += 1;
        console.log(`not ok - the run itself\n    ${error.stack ?? error}`);
      }
    }
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    process.exitCode = this.#failed || !this.#passed ? 1 : 0;
  }
}

export function equal(actual, expected, what = "value") {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

export function assert(condition, what) {
  if (!condition) throw new Error(what);
}

/** Waits until `probe` gives something truthy, and gives that; says what was missing if it never does. */
export async function until(what, probe, ms = PATIENCE_MS) {
  const deadline = Date.now() + ms;
  for (let pause = 10; ; pause = Math.min(pause * 1.3, 150)) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms for: ${typeof what === "string" ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Runs `body(newContext)` with a fresh browser; everything it started is gone afterwards. */
export async function withBrowser(executablePath, body) {
  const home = await mkdtemp(path.join(os.tmpdir(), "hub-e2e-"));
  const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  // HOME too: the browser's own caches are not part of the profile folder that Playwright makes.
  const browser = await chromium.launch({ executablePath, args, env: { ...process.env, HOME: home } });
  try {
    await body(async (settings) => {
      const context = await browser.newContext(settings);
      context.setDefaultTimeout(PATIENCE_MS);
      return context;
    });
  } finally {
    // A page that is left says goodbye; one that is killed would stay in its rooms until the server's timeout.
    const pages = browser.contexts().flatMap((context) => context.pages());
    await Promise.allSettled(pages.map((page) => page.goto("about:blank")));
    await browser.close();
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * A page on `origin` that runs nothing but the given scripts. It is a style sheet (the chat's), shown as
 * text: a real answer of the server, because Chromium lets a page that Playwright made up (and so
 * came from no address) open no socket to this machine. Errors are collected in `page.failures`.
 */
export async function blankPage(context, origin, scripts = [], path = "/chat.css") {
  return goTo(watched(await context.newPage()), origin, scripts, path);
}

export function watched(page) {
  page.failures = [];
  page.on("pageerror", (error) => page.failures.push(error.message));
  return page;
}

export async function goTo(page, origin, scripts, path) {
  await page.goto(`${origin}${path}`);
  for (const script of scripts) await page.addScriptTag(script);
  return page;
}

/**
 * Another origin than any server has: gives `files` by path, and empty pages otherwise. Of the same site,
 * though: browsers keep passwords apart by the site that is in the address bar.
 */
export async function otherOrigin(files = {}) {
  const texts = Object.fromEntries(await Promise.all(Object.entries(files).map(async ([path, file]) => [path, await readFile(file)])));
  const server = http.createServer(({ url }, answer) => {
    answer.setHeader("Content-Type", texts[url] ? "text/javascript" : "text/html").end(texts[url] ?? "<!DOCTYPE html><title>elsewhere</title>");
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

/** A server program that a check starts, kills and starts again; `args` without the port. */
export class Server {
  #child;
  #program;
  #args;
  #port = 0;
  /** What it has printed since it was started. */
  said = "";

  static async start(program, args) {
    const server = new Server();
    server.#program = program;
    server.#args = args;
    await server.again();
    return server;
  }

  /** At the port that it had before. */
  async again() {
    this.#child = spawn(this.#program, ["--port", String(this.#port), ...this.#args], { stdio: ["ignore", "pipe", "ignore"] });
    this.said = "";
    this.#child.on("error", (error) => { this.said += error.message; }).stdout.on("data", (text) => { this.said += text; });
    const [, url] = await until(() => `the server to listen; it said: ${this.said}`, () => /^listening on (\S+)\n/m.exec(this.said));
    this.url = url;
    this.#port = Number(new URL(url).port);
  }

  /** Resolves when the process is no more. */
  async end(signal = "SIGKILL") {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill(signal);
    await ended;
  }
}

/** A TCP proxy on a port of its own before `target`, whose connections can all be cut at once. */
export class Proxy {
  #server;
  #pairs = new Set();
  #cut = false;
  #stalled = false;

  static async before(target) {
    const { hostname, port } = new URL(target);
    const proxy = new Proxy();
    proxy.target = target;
    proxy.#server = net.createServer((near) => proxy.#join(near, hostname, Number(port || 80)));
    await new Promise((resolve, reject) => proxy.#server.once("error", reject).listen(0, "127.0.0.1", resolve));
    proxy.#server.unref();
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}`;
    return proxy;
  }

  #join(near, host, port) {
    if (this.#cut) return near.resetAndDestroy();
    const far = net.connect(port, host);
    const pair = [near, far];
    this.#pairs.add(pair);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on("error", () => {}).on("close", () => { to.destroy(); this.#pairs.delete(pair); });
      from.pipe(to);
      if (this.#stalled) from.pause();
    }
  }

  /** Ends every connection without a word, and refuses new ones until `heal`. */
  cut() {
    this.#cut = true;
    // One that is saying goodbye can't be reset: Node would lose it, and not end.
    for (const pair of this.#pairs) for (const side of pair) side.writableEnded ? side.destroy() : side.resetAndDestroy();
  }

  heal() {
    this.#cut = false;
  }

  /** Keeps every connection open and lets nothing through, until `flow`. */
  stall() {
    this.#stalled = true;
    for (const pair of this.#pairs) for (const side of pair) side.pause();
  }

  flow() {
    this.#stalled = false;
    for (const pair of this.#pairs) for (const side of pair) side.resume();
  }

  close() {
    this.cut();
    return new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A process that speaks in lines; `lines` is what it has said so far. */
export class Lines {
  lines = [];
  #child;

  constructor(command, args) {
    const [program, ...first] = command.split(/\s+/);
    this.#child = spawn(program, [...first, ...args], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.on("error", (error) => this.lines.push(`cannot start: ${error.message}`));
    this.#child.stdin.on("error", () => {});
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.lines.push(line));
  }

  say(line) {
    this.#child.stdin.write(`${line}\n`);
  }

  hears(line) {
    const what = () => `the terminal client prints "${line}"; it printed: ${this.lines.join(" | ")}`;
    return until(what, () => this.lines.some((each) => each.includes(line)));
  }

  async end() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin.end();
    this.#child.kill("SIGTERM");
    await ended;
  }
}
