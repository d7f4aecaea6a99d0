// Pages with the official client, and its connections, as the checks see them.

import { createRequire } from "node:module";
import { assert, goTo, until, watched } from "../harness.mjs";
import { library } from "./inpage.mjs";

const installed = createRequire(import.meta.url);
/** The packages' own files, by the path they are served at. */
export const SCRIPTS = {
  "/jquery.js": installed.resolve("jquery/dist/jquery.js"),
  "/jquery.signalR.js": installed.resolve("signalr/jquery.signalR.js"),
};

/**
 * What one run is about: `transport`, and with `cross`, pages from another origin than the server they talk to, which is
 * `elsewhere`. `url` is a server with the usual settings, `hasty` one that loses patience soon, `program` starts another.
 */
export class World {
  #idle = [];

  constructor(settings) {
    Object.assign(this, settings);
  }

  /** Prefixes of connection URLs: none in a page of that very server. */
  base(server = this.url) {
    return this.cross ? server : "";
  }

  /**
   * A page in a context of its own, because browsers give a context only six HTTP connections to a host.
   * `user` has logged in before by basic authentication, `init` runs before all scripts.
   */
  async page({ server = this.url, user, init } = {}) {
    const own = user || init;
    const page = (!own && this.#idle.pop()) || await this.#fresh({ server, user, init });
    page.failures = [];
    const files = Object.keys(SCRIPTS).map((path) => ({ url: this.elsewhere + path }));
    await goTo(page, this.cross ? this.elsewhere : server, files, this.cross ? "/" : "/signalr/hubs");
    await page.evaluate(library);
    page.again = !own;
    return page;
  }

  async #fresh({ server, user, init }) {
    const context = await this.newContext();
    // The client's own code has foreverFrame only for browsers without EventSource.
    if (this.transport === "foreverFrame") await context.addInitScript(() => { window.EventSource = undefined; });
    if (init) await context.addInitScript(init);
    if (user) {
      const login = await context.newPage();
      await login.goto(server.replace("://", `://${user}:secret@`) + "/basicauth/signalr/hubs");
      await login.close();
    }
    return watched(await context.newPage());
  }

  /** A page that nobody needs any more, except for other checks: a new one takes a processor long. */
  async done(page) {
    page.removeAllListeners("request");
    if (!page.again) return page.context().close();
    await page.goto("about:blank");
    this.#idle.push(page);
  }

  /** A connection, started unless `started` is false; `hubs` are lists of client methods by hub. */
  async connect({ page, server = this.url, path = "/signalr", user, init, started = true, options = {}, name = "it", ...spec } = {}) {
    const where = page ?? await this.page({ server, user, init });
    await where.evaluate(([name, spec]) => window.make(name, spec), [name, { url: this.base(server) + path, ...spec }]);
    const client = new Client(where, name, { transport: this.transport, ...options });
    if (started) await client.start();
    return client;
  }

  /** A hub connection to `conformance`, the hub that most checks are about. */
  conformance(events = [], settings = {}) {
    return this.connect({ hubs: { conformance: events }, ...settings });
  }

  /** Does `body` with all that `connect` gives, and closes their pages afterwards; no page may have had an error. */
  async using(connections, body) {
    const clients = await Promise.all(connections);
    await body(...clients);
    for (const { page } of clients) {
      assert(!page.failures.length, `errors of the page: ${page.failures.join("; ")}`);
      await this.done(page);
    }
  }
}

export class Client {
  constructor(page, name, how) {
    Object.assign(this, { page, name, how });
  }

  async start() {
    const { id, transport } = await this.page.evaluate(([name, how]) => window.start(name, how), [this.name, this.how]);
    Object.assign(this, { id, transport });
    return this;
  }

  /** What a start that has to fail says. */
  refused() {
    return this.page.evaluate(([name, how]) => window.start(name, how).then(
      () => { throw new Error("it started"); }, window.told), [this.name, this.how]);
  }

  invoke(hub, method, ...args) {
    return this.page.evaluate((call) => window.invoke(...call), [this.name, hub, method, ...args]);
  }

  /** A call of `conformance`. */
  call(method, ...args) {
    return this.invoke("conformance", method, ...args);
  }

  /** What a call that has to fail says. */
  fails(hub, method, ...args) {
    return this.page.evaluate((call) => window.invoke(...call).then(
      (result) => { throw new Error(`the call succeeded: ${JSON.stringify(result)}`); }, window.told), [this.name, hub, method, ...args]);
  }

  /** What has been kept of it: `heard`, `states`, or `log`, which has states, events and errors together. */
  record(what) {
    return this.page.evaluate(([name, what]) => window.connections[name][what], [this.name, what]);
  }

  /** The arguments of each call of a client method so far. */
  async heard(event) {
    return (await this.record("heard")).filter(([name]) => name === event).map(([, ...args]) => args);
  }

  hears(event, wanted, ms) {
    const text = JSON.stringify(wanted);
    return until(`${event}(${text})`, async () => (await this.heard(event)).some((args) => JSON.stringify(args) === text), ms);
  }

  /** The first `count` values of a client method with one argument, once they are there. */
  async values(event, count, ms) {
    let got = [];
    await until(() => `${count} times ${event}, of which there are ${got.length}`, async () => {
      got = (await this.heard(event)).map(([value]) => value);
      return got.length >= count;
    }, ms);
    return got;
  }

  /** Something that has to appear in the log, after its first `from` lines. */
  logs(line, ms, from = 0) {
    const has = (log) => log.slice(from).some((each) => (line instanceof RegExp ? line.test(each) : each === line));
    let log = [];
    return until(() => `"${line}" in ${JSON.stringify(log)}`, async () => has(log = await this.record("log")), ms);
  }

  /** A property of the client's own connection object. */
  property(key) {
    return this.page.evaluate(([name, key]) => window.connections[name].connection[key], [this.name, key]);
  }

  send(value) {
    return this.page.evaluate(([name, value]) => { window.connections[name].connection.send(value); }, [this.name, value]);
  }

  stop() {
    return this.page.evaluate((name) => { window.connections[name].connection.stop(); }, this.name);
  }
}
