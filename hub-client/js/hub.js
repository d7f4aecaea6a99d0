/**
 * hub.js: the modern client for classic SignalR hubs over a WebSocket. One module as servers give
 * it (`/signalr/hub.js`), no dependencies, no build step; for browsers and Node >= 22 (before:
 * `options.WebSocket`).
 *
 *     const connection = new HubConnection("/signalr");
 *     const chat = connection.hub("chat");
 *     chat.on("message", (room, user, text) => console.log(room, user, text));
 *     await connection.start();
 *     await chat.invoke("join", "lobby", "ann");
 */

import { Answers } from "./answers.js";
import { Calls, HubError } from "./calls.js";
import { HANDLERS, Hub, RESYNC } from "./proxy.js";
import { spread, standing } from "./resync.js";

export { HubError };

const PROTOCOL = "2.1";
const ACCEPTED = ["1.5", "2.0", "2.1"];
const OWN = ["transport", "clientprotocol", "connectiontoken", "connectiondata", "messageid", "groupstoken", "tags"];
const MAX_REDIRECTS = 100;
const RETRY_MS = 2000;
const CORE_SERVER = "Detected a connection attempt to an ASP.NET Core SignalR Server. " +
  "This client only supports connecting to an ASP.NET SignalR Server. " +
  "See https://aka.ms/signalr-core-differences for details.";

const encode = (params) => Object.entries(params).filter(([, value]) => value !== undefined && value !== null)
  .map((pair) => pair.map(encodeURIComponent).join("=")).join("&");

/**
 * A connection to a classic SignalR endpoint, with any number of hubs on it.
 *
 * Events: `statechange` ({ state, previous }), `slow`, `steady`, `reconnecting`, `reconnected`,
 * `closed` ({ error? }), `error` ({ error }) and `gap` ({ missed: [{ of, why, hub, name }] }), all with the braces' content as `event.detail`.
 */
export class HubConnection extends EventTarget {
  #options;
  #home; // { base, query } as the application gave them; a redirect never outlives its session
  #hubs = new Map();
  #calls = new Calls();
  #state = "disconnected";
  #session = null; // all that is true of one start(): dropped whole when it ends

  /** Called with each `statechange` event. */
  onstate = null;

  constructor(url, options = {}) {
    super();
    this.#options = options;
    const { base, query } = place(url, globalThis.location?.href);
    this.#home = { base, query: [query, encode(options.query ?? {})].filter(Boolean).join("&") };
    const taken = [...new URLSearchParams(this.#home.query).keys()].find((name) => OWN.includes(name.toLowerCase()));
    if (taken) throw new TypeError(`The query value "${taken}" is the protocol's own: give it another name.`);
    for (const name of options.hubs ?? []) this.hub(name);
  }

  /** "disconnected", "connecting", "connected" or "reconnecting". */
  get state() { return this.#state; }

  /** The connection's id while there is one; a reconnect keeps it, a new start does not. */
  get id() { return this.#session?.id ?? null; }

  /** The hub of that name. Events arrive only from hubs that were named before `start`. */
  hub(name) {
    const key = name.toLowerCase();
    const link = {
      invoke: (...call) => this.#invoke(...call),
      call: (...event) => this.#call(...event),
      alive: () => this.#state === "connected" || this.#state === "reconnecting",
      epoch: () => this.#session?.epoch,
      failed: (error) => { if (error?.source !== "Connection") this.#fire("error", { error }); },
    };
    if (!this.#hubs.has(key)) this.#hubs.set(key, new Hub(key, link));
    return this.#hubs.get(key);
  }

  /** Connects. Resolves when calls can be made and what arrived meanwhile has been delivered. */
  start() {
    if (this.#session) return this.#session.started;
    const hubs = JSON.stringify([...this.#hubs.keys()].map((name) => ({ name })));
    const session = this.#session = { ...this.#home, hubs, inbox: [], answers: new Answers(), ending: new AbortController() };
    session.started = this.#begin(session);
    this.#become("connecting");
    return session.started;
  }

  /** Disconnects. Resolves when the server has been told. */
  async stop() {
    if (this.#session) await this.#end(this.#session, { abort: true });
  }

  async #begin(session) {
    const failed = new Promise((_, reject) => { session.fail = reject; });
    // A page that goes away says so; otherwise the others see it stay until the server's timeout.
    globalThis.addEventListener?.("pagehide", () => this.#end(session, { abort: true, leaving: true }),
      { signal: session.ending.signal });
    try {
      await Promise.race([failed, this.#handshake(session)]);
    } catch (error) {
      this.#end(session, { error, abort: true });
      throw error;
    }
  }

  async #handshake(session) {
    await this.#negotiate(session);
    await this.#dial(session, "connect", session.patience);
    const failure = "Error during start request. Stopping the connection.";
    const reply = await this.#get(session, "start", { transport: "webSockets" }, failure);
    if (reply.Response !== "started") throw new Error(failure);
    this.#resume(session);
    for (const arrival of session.inbox.splice(0)) {
      if (this.#session === session) this.#deliver(arrival);
    }
  }

  async #negotiate(session) {
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const reply = await this.#get(session, "negotiate", {}, "Error during negotiation request.");
      const version = reply.ProtocolVersion;
      if (reply.availableTransports) throw new Error(CORE_SERVER);
      if (!ACCEPTED.includes(version)) {
        throw new Error("You are using a version of the client that isn't compatible with the server. " +
          `Client version ${PROTOCOL}, server version ${version}.`);
      }
      const newer = version !== "1.5"; // an older server means nothing by the fields that follow
      if (newer && reply.Error) throw new Error(`Error message received from the server: '${reply.Error}'.`);
      if (!newer || !reply.RedirectUrl) return this.#agree(session, reply);
      const { base, query } = place(reply.RedirectUrl, `${session.base}/`);
      session.base = base;
      session.query = query ?? this.#home.query; // replaced whole, never merged
      session.bearer = reply.AccessToken ?? session.bearer;
    }
    throw new Error("Negotiate redirection limit exceeded.");
  }

  #agree(session, reply) {
    const { origin, pathname } = new URL(session.base);
    session.socketBase = (reply.WebSocketServerUrl || origin).replace(/^http/i, "ws") + (reply.Url ?? pathname);
    session.id = reply.ConnectionId;
    session.token = reply.ConnectionToken;
    session.keepAlive = (reply.KeepAliveTimeout ?? 0) * 1000; // 0: the server sends none
    session.disconnect = reply.DisconnectTimeout * 1000;
    session.patience = reply.TransportConnectTimeout * 1000 + (this.#options.transportConnectTimeout ?? 0);
  }

  #query(session, params) {
    const { token: connectionToken, hubs: connectionData } = session;
    const own = encode({ clientProtocol: PROTOCOL, ...params, connectionToken, connectionData, tags: 1 });
    return `?${own}${session.query && "&"}${session.query}`;
  }

  #fetch(session, action, params, init) {
    return (this.#options.fetch ?? globalThis.fetch)(`${session.base}/${action}${this.#query(session, params)}`, {
      credentials: this.#options.withCredentials === false ? "same-origin" : "include",
      headers: session.bearer ? { Authorization: `Bearer ${session.bearer}` } : {},
      ...init,
    });
  }

  async #get(session, action, params, failure) {
    try {
      const response = await this.#fetch(session, action, params, { signal: session.ending.signal, cache: "no-store" });
      if (!response.ok) throw new Error(`${action}: ${response.status} ${response.statusText}`);
      const reply = await response.json();
      session.ending.signal.throwIfAborted(); // stopped meanwhile: nothing may follow
      return reply;
    } catch (cause) {
      throw new Error(failure, { cause });
    }
  }

  /** Tells the server that this is the end and not a lost socket. Failing changes nothing for us. */
  async #abort(session, leaving) {
    const params = { transport: "webSockets" };
    const beacon = leaving && !session.bearer && globalThis.navigator?.sendBeacon;
    if (beacon) return void navigator.sendBeacon(`${session.base}/abort${this.#query(session, params)}`);
    await this.#fetch(session, "abort", params, { method: "POST", keepalive: true })
      .catch((error) => this.#log(`abort: ${error.message}`));
  }

  /** Opens a socket; settles when it works (connect: says so; reconnect: is open), or does not by `limit`. */
  #dial(session, action, limit) {
    const WebSocket = this.#options.WebSocket ?? globalThis.WebSocket;
    const params = { transport: "webSockets", access_token: session.bearer };
    if (action === "reconnect") Object.assign(params, { messageId: session.cursor, groupsToken: session.groups });
    return new Promise((resolve, reject) => {
      const socket = session.socket = new WebSocket(`${session.socketBase}/${action}${this.#query(session, params)}`);
      const done = () => { clearTimeout(timer); resolve(); };
      const fail = (reason) => {
        clearTimeout(timer);
        reject(new Error(reason));
        if (session.socket === socket) this.#lose(session, reason);
      };
      const timer = setTimeout(() => fail(`The socket did not ${action} within ${Math.round(limit)} ms.`), limit);
      session.spoke = false;
      session.initialized = action === "connect" ? done : undefined;
      if (action === "reconnect") socket.onopen = done;
      // A socket that was given up may still have something to say: the next one will repeat it.
      socket.onmessage = ({ data }) => { if (session.socket === socket) this.#receive(session, data); };
      socket.onclose = ({ code }) => fail(`The socket was closed (${code}).`);
    });
  }

  #receive(session, text) {
    session.heard = Date.now();
    session.spoke = true;
    let payload;
    try { payload = JSON.parse(text); } catch (error) { return void this.#end(session, { error, abort: true }); }
    if ("I" in payload) return this.#settle(payload);
    if (payload.E) return void this.#end(session, { error: new Error(payload.E) });
    if (payload.G) session.groups = payload.G;
    const { epoch, replayed } = standing(payload.C);
    if (payload.C) session.cursor = payload.C;
    const gone = payload.X ?? [];
    if (epoch && epoch !== session.epoch) { // another log counts anew, and between two is a gap, told or not
      if (session.epoch && gone.every(({ H }) => H)) gone.push({ T: "log", W: "epochChanged" });
      Object.assign(session, { epoch, last: undefined });
    }
    if (gone.length) this.#miss(gone);
    for (const message of payload.M ?? []) {
      if (this.#session !== session) return; // a handler stopped the connection
      const order = message.O && BigInt(`0x${message.O}`);
      const kept = order <= replayed; // for us, while we were away: it comes beside, with older orders
      if (order <= session.last && !kept) continue; // once is enough
      if (order && !kept) session.last = order;
      const arrival = { session, message, order, kept };
      if (this.#state === "connecting") session.inbox.push(arrival);
      else this.#deliver(arrival);
    }
    if (payload.S) session.initialized?.();
    // Everybody is told at once, perhaps by a server that still listens: no hurry to return.
    if (payload.T) this.#lose(session, "The server is shutting down.", false);
  }

  #miss(gone) {
    const missed = gone.map(({ T: of, W: why, H: hub = null, N: name = null }) => ({ of, why, hub, name }));
    this.#fire("gap", { missed });
    for (const hub of this.#hubs.values()) {
      if (missed.some((each) => (each.hub?.toLowerCase() ?? hub.name) === hub.name)) hub[RESYNC]?.begin();
    }
  }

  #deliver(arrival) {
    const { message } = arrival;
    if (message.P) return this.#progress(message);
    if ("I" in message) return this.#settle(message);
    const resync = this.#hubs.get(message.H?.toLowerCase())?.[RESYNC];
    if (resync) resync.pass(arrival);
    else this.#call(arrival, false);
  }

  /** Calls an event's handlers, unless a snapshot had it, and answers if somebody waits. */
  #call({ session, message }, had) {
    if (this.#session !== session) return;
    const hub = this.#hubs.get(message.H?.toLowerCase());
    if (hub) Object.assign(hub.state, message.S);
    const handlers = (!had && hub?.[HANDLERS](message.M)) || [];
    const outcome = handlers.length ? this.#run(handlers, hub, message.A)
      : had ? {} : { E: `There is no callback for ${message.H}.${message.M}.` };
    const link = () => this.#session === session && this.#state === "connected" && session.socket;
    if (message.K) session.answers.add(message.K, outcome, link);
  }

  /** One bad handler must not cost the others their message. Resolves with the first value, or else the first failure. */
  async #run(handlers, hub, args) {
    const ends = await Promise.all(handlers.map(async (handler) => {
      try {
        return { R: await handler.apply(hub, args) };
      } catch (error) {
        this.#fire("error", { error });
        return { E: String(error?.message ?? error) };
      }
    }));
    return ends.find(({ R }) => R !== undefined) ?? ends.find(({ E }) => E !== undefined) ?? {};
  }

  /** Gives up the socket, whoever noticed: start fails, a connected client reconnects, a retry goes on. */
  #lose(session, reason, hurry = session.spoke) {
    const { socket } = session;
    session.socket = null;
    clearTimeout(session.timer);
    socket?.close();
    this.#log(reason);
    if (this.#session !== session) return;
    if (this.#state === "connecting") session.fail(new Error(reason));
    else if (this.#state === "connected") this.#reconnect(session, hurry);
  }

  /** `hurry`: the lost socket had worked. One that opens and dies at once is not retried at once. */
  async #reconnect(session, hurry) {
    const deadline = Date.now() + session.disconnect;
    this.#calls.reject("Connection started reconnecting before invocation result was received.");
    this.#become("reconnecting");
    this.#fire("reconnecting");
    for (let pause = hurry ? 100 : RETRY_MS; this.#session === session; pause = RETRY_MS) {
      const wait = Math.min(spread(pause), deadline - Date.now());
      await new Promise((resolve) => { session.timer = setTimeout(resolve, wait); });
      if (this.#session !== session) return;
      const left = deadline - Date.now();
      if (left <= 0) {
        const reason = `Couldn't reconnect within the configured timeout of ${session.disconnect} ms, disconnecting.`;
        return void this.#end(session, { error: new Error(reason) });
      }
      const open = this.#dial(session, "reconnect", Math.min(left, session.patience));
      if (!await open.then(() => true, () => false)) continue;
      this.#resume(session);
      if (this.#session === session) this.#fire("reconnected");
      return;
    }
  }

  /** Connected, again or for the first time: from here on silence is suspicious. */
  #resume(session) {
    Object.assign(session, { heard: Date.now(), awake: Date.now(), slow: false });
    if (session.keepAlive) session.timer = setInterval(() => this.#watch(session), session.keepAlive / 9);
    const first = this.#state === "connecting";
    this.#become("connected");
    session.answers.again(session.socket);
    for (const hub of this.#hubs.values()) first ? hub[RESYNC]?.begin() : hub[RESYNC]?.nudge();
  }

  #watch(session) {
    const now = Date.now();
    const { keepAlive: limit, awake, heard } = session;
    // A machine that slept through the server's whole patience is a stranger there by now.
    // (A throttled background tab is late too, but it has heard the server meanwhile.)
    if (now - Math.max(awake, heard) > session.disconnect + limit) {
      const error = new Error(`The client has been inactive since ${new Date(awake)} and it has exceeded ` +
        `the inactivity timeout of ${session.disconnect + limit} ms. Stopping the connection.`);
      return void this.#end(session, { error, abort: true });
    }
    session.awake = now;
    if (now - heard >= limit) return this.#lose(session, `Nothing was heard for ${now - heard} ms.`);
    const quiet = now - heard >= limit * 2 / 3;
    if (quiet !== session.slow) this.#fire(quiet ? "slow" : "steady");
    session.slow = quiet;
  }

  #invoke(hub, method, args) {
    return this.#calls.make(hub, method, args, () => {
      if (this.#state === "connected") return this.#session.socket;
      throw new HubError(`Cannot call ${hub.name}.${method}: the connection is ${this.#state}.`, "Connection");
    });
  }

  #settle(result) {
    if (result.T && this.#calls.of(result.I)) this.#log(result.T); // where a call failed on the server
    this.#calls.settle(result);
  }

  #progress({ P: { I: id, D: value }, S: state }) {
    const call = this.#calls.of(id);
    if (!call) return;
    Object.assign(call.hub.state, state);
    this.#run(call.reports, call.hub, [value]);
  }

  #end(session, { error, abort = false, leaving = false }) {
    if (this.#session !== session) return undefined;
    this.#session = null;
    session.ending.abort();
    session.fail(error ?? new Error("The connection was stopped during the start."));
    this.#lose(session, error?.message ?? "Stopped.");
    const told = abort && session.token ? this.#abort(session, leaving) : undefined;
    this.#calls.reject("Connection was disconnected before invocation result was received.");
    if (error) this.#fire("error", { error });
    this.#become("disconnected");
    this.#fire("closed", { error });
    for (const hub of this.#hubs.values()) hub[RESYNC]?.nudge();
    return told;
  }

  #become(state) {
    const previous = this.#state;
    this.#state = state;
    this.#log(`${previous} -> ${state}`);
    const event = this.#fire("statechange", { state, previous });
    this.onstate?.(event);
  }

  #fire(type, detail) {
    const event = new CustomEvent(type, { detail });
    this.dispatchEvent(event);
    return event;
  }

  #log(text) { this.#options.logger?.(`hub: ${text}`); }
}

/** Splits an address at its query, which is kept as it came: `{ base, query? }`, no slash at the base's end. */
function place(url, from) {
  const [path, query] = String(url).split(/\?(.*)/s);
  return { base: new URL(path, from).href.replace(/\/+$/, ""), query };
}
