/**
 * hub.js: the modern client for classic SignalR hubs over a WebSocket. One module, no
 * dependencies, no build step; for browsers and Node >= 22 (before: `options.WebSocket`).
 *
 *     const connection = new HubConnection("/signalr");
 *     const chat = connection.hub("chat");
 *     chat.on("message", (room, user, text) => console.log(room, user, text));
 *     await connection.start();
 *     await chat.invoke("join", "lobby", "ann");
 */

const PROTOCOL = "2.1";
const ACCEPTED = ["1.5", "2.0", "2.1"];
const MAX_REDIRECTS = 100;
const RETRY_MS = 2000;
const CORE_SERVER = "Detected a connection attempt to an ASP.NET Core SignalR Server. " +
  "This client only supports connecting to an ASP.NET SignalR Server. " +
  "See https://aka.ms/signalr-core-differences for details.";

const HELD = 10_000; // events of a hub that wait for a snapshot; what is more will be in the next one
const ANSWERS = 1024; // are kept to be said again on the next socket
const ANSWERED = 8; // times at most: one that is too long for the server would break every socket

/** What a connection may ask of a hub, and nobody outside this module. */
const HANDLERS = Symbol("handlers");
const RESYNC = Symbol("resync");

/** Half as much again, or half as little: clients that lost one server must not return to it in step. */
const spread = (ms) => ms * (0.5 + Math.random());

const encode = (params) => Object.entries(params).filter(([, value]) => value !== undefined && value !== null)
  .map((pair) => pair.map(encodeURIComponent).join("=")).join("&");

/** Why a call failed: every rejected `invoke` gives one. */
export class HubError extends Error {
  /** `source`: the hub on purpose ("HubException", perhaps with `data`), by accident ("Exception"), or "Connection". */
  constructor(message, source = "Exception", data = undefined) {
    super(message);
    Object.assign(this, { name: "HubError", source, data, isHubException: source === "HubException" });
  }
}

/** What a cursor or position of our own server says; nothing of another's. */
function standing(text) {
  const [, epoch, order, replayed] = /^d-([0-9a-f]+)-([0-9a-f]+)(?:\.([0-9a-f]+))?$/i.exec(text) ?? [];
  return epoch ? { epoch, order: BigInt(`0x${order}`), replayed: BigInt(`0x${replayed ?? 0}`) } : {};
}

/** Keeps a hub in step: holds its events while the application takes a snapshot, then lets go what that has not. */
class Resync {
  #held = null;
  #upto; // the snapshot has every event up to this order
  #stale = false; // what is being taken is not enough any more
  #running = false;
  #wake; // ends a pause

  constructor(take, link) { Object.assign(this, { take, link }); }

  /** Hands an event on, unless the snapshot has it or is still to come. What was kept for us is in no snapshot. */
  pass(event) {
    if (!this.#held) this.link.call(event, !event.kept && event.order <= this.#upto);
    else if (this.#held.push(event) > HELD) this.#forget();
  }

  /** What is held will be in the next snapshot. */
  #forget() {
    const held = this.#held ?? [];
    this.#stale = true;
    this.#held = held.filter(({ kept }) => kept);
    for (const event of held) if (!event.kept) this.link.call(event, true);
  }

  /** The connection is there again, or is over. */
  nudge() { this.#wake?.(); }

  /** Out of step, perhaps once more. One snapshot is taken at a time, until one is good. */
  async begin() {
    this.#forget();
    this.nudge();
    if (this.#running) return;
    this.#running = true;
    for (let pause = 2000; this.link.alive() && !await this.#attempt(); pause = Math.min(pause * 2, 20_000)) {
      if (!this.#stale) await new Promise((resolve) => { setTimeout(this.#wake = resolve, spread(pause)); });
    }
    this.#running = false;
  }

  async #attempt() {
    this.#stale = false;
    try {
      const taken = await this.take();
      const { epoch, order } = standing(taken?.position ?? taken);
      if (this.#stale) return false;
      if (order === undefined) throw new Error("The snapshot has no position.");
      if (epoch !== (this.link.epoch() ?? epoch)) throw new Error("The snapshot's position is of another log.");
      this.#upto = order;
    } catch (error) {
      this.link.failed(error);
      return false;
    }
    const held = this.#held;
    this.#held = null;
    held.forEach((event) => this.pass(event));
    return true;
  }
}

/** One hub of a connection: call its methods, listen to its events. Made by `connection.hub(name)`. */
class Hub {
  #handlers = new Map();
  #link;
  #resync;

  /** Sent with every call and updated by the hub's answers; `Clients.Caller` on the server. */
  state = {};

  constructor(name, link) { [this.name, this.#link] = [name, link]; }

  /**
   * Calls `handler` with the arguments of each event named `event`, whatever its case. What it gives, or its promise,
   * goes back to a sender that waits for it.
   */
  on(event, handler) {
    const name = event.toLowerCase();
    this.#handlers.set(name, (this.#handlers.get(name) ?? new Set()).add(handler));
    return this;
  }

  /** Removes one handler of an event, or all of them. True if there was something to remove. */
  off(event, handler) {
    const name = event.toLowerCase();
    return handler ? this.#handlers.get(name)?.delete(handler) ?? false : this.#handlers.delete(name);
  }

  /** Calls a method. The promise also has `progress(fn)`: `fn` hears what the method reports until it answers. */
  invoke(method, ...args) { return this.#link.invoke(this, method, args); }

  /**
   * Keeps the application in step: `take` gets a snapshot from the server, takes it over, and gives the position (or
   * `{ position }`) that it reflects. It is called at each start and whenever events are gone for good; meanwhile
   * events are held back, and those that the snapshot has are dropped.
   */
  resync(take) {
    this.#resync = new Resync(take, this.#link);
    if (this.#link.alive()) this.#resync.begin();
    return this;
  }

  get [RESYNC]() { return this.#resync; }

  /** A copy: handlers may come and go while they run. */
  [HANDLERS](event) { return [...this.#handlers.get(event.toLowerCase()) ?? []]; }
}

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
  #calls = new Map();
  #lastCall = 0; // never restarts: a late answer must not find a newer call of the same number
  #state = "disconnected";
  #session = null; // all that is true of one start(): dropped whole when it ends

  /** Called with each `statechange` event. */
  onstate = null;

  constructor(url, options = {}) {
    super();
    this.#options = options;
    const { base, query } = place(url, globalThis.location?.href);
    this.#home = { base, query: [query, encode(options.query ?? {})].filter(Boolean).join("&") };
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
    const session = this.#session = { ...this.#home, hubs, inbox: [], answers: [], ending: new AbortController() };
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
    if (epoch && epoch !== session.epoch) Object.assign(session, { epoch, last: undefined }); // another log counts anew
    if (payload.X) this.#miss(payload.X);
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
    if (message.K) this.#answer(session, message.O, outcome);
  }

  async #answer(session, K, outcome) {
    const said = JSON.stringify.bind(JSON);
    const frame = await Promise.resolve(outcome).then((rest) => said({ K, ...rest })).catch(({ message }) => said({ K, E: message }));
    const answer = { frame, times: 0 };
    session.answers = [...session.answers, answer].slice(-ANSWERS);
    if (this.#session === session && this.#state === "connected") this.#say(session, [answer]);
  }

  #say(session, answers) {
    for (const answer of answers) {
      answer.times += 1;
      session.socket?.send(answer.frame);
    }
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
    this.#rejectCalls("Connection started reconnecting before invocation result was received.");
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
    // What was said on a socket that broke may be lost; the server knows what it has heard.
    session.answers = session.answers.filter(({ times }) => times < ANSWERED);
    this.#say(session, session.answers);
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
    const id = String(this.#lastCall++);
    const call = { hub, reports: [] };
    const answer = new Promise((resolve, reject) => {
      if (this.#state !== "connected") {
        throw new HubError(`Cannot call ${hub.name}.${method}: the connection is ${this.#state}.`, "Connection");
      }
      const state = Object.keys(hub.state).length ? { S: hub.state } : undefined;
      const frame = JSON.stringify({ H: hub.name, M: method, A: args, I: Number(id), ...state });
      this.#calls.set(id, Object.assign(call, { resolve, reject }));
      this.#session.socket.send(frame);
    });
    return Object.assign(answer, { progress: (report) => (call.reports.push(report), answer) });
  }

  #settle(result) {
    const call = this.#calls.get(String(result.I));
    if (!this.#calls.delete(String(result.I))) return;
    Object.assign(call.hub.state, result.S);
    if (result.E === undefined || result.E === null) return call.resolve(result.R);
    if (result.T) this.#log(result.T);
    call.reject(new HubError(result.E, result.H ? "HubException" : "Exception", result.D));
  }

  #progress({ P: { I: id, D: value }, S: state }) {
    const call = this.#calls.get(String(id));
    if (!call) return;
    Object.assign(call.hub.state, state);
    this.#run(call.reports, call.hub, [value]);
  }

  #rejectCalls(text) {
    for (const { reject } of this.#calls.values()) reject(new HubError(text, "Connection"));
    this.#calls.clear();
  }

  #end(session, { error, abort = false, leaving = false }) {
    if (this.#session !== session) return undefined;
    this.#session = null;
    session.ending.abort();
    session.fail(error ?? new Error("The connection was stopped during the start."));
    this.#lose(session, error?.message ?? "Stopped.");
    const told = abort && session.token ? this.#abort(session, leaving) : undefined;
    this.#rejectCalls("Connection was disconnected before invocation result was received.");
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
