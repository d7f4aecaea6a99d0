/** Types of hub.js, the client for classic SignalR hubs over a WebSocket. */

export type ConnectionState = "disconnected" | "connecting" | "connected" | "reconnecting";

export interface HubConnectionOptions {
  /** Hubs to hear events from; `connection.hub(name)` before `start` adds more. */
  hubs?: string[];
  /** Sent with every request, visible to the hubs as the connection's query string. */
  query?: Record<string, string | number | boolean | null | undefined>;
  /** Whether requests to another origin carry cookies. Default: true. */
  withCredentials?: boolean;
  /** Milliseconds that this client waits for the socket beyond the server's TransportConnectTimeout. Default: 0. */
  transportConnectTimeout?: number;
  /** Instead of the global `fetch`. */
  fetch?: typeof fetch;
  /** Instead of the global `WebSocket`; needed in Node before 22. */
  WebSocket?: new (url: string) => WebSocket;
  /** Hears one line for each thing that happens to the connection. */
  logger?: (line: string) => void;
}

/** Why a call failed: every rejected `invoke` gives one. */
export class HubError extends Error {
  constructor(message: string, source?: HubError["source"], data?: unknown);
  /** Who failed: the hub on purpose, the hub by accident, or the connection. */
  readonly source: "HubException" | "Exception" | "Connection";
  /** True if the hub meant its caller to read the message. */
  readonly isHubException: boolean;
  /** What the hub attached to its error, if anything. */
  readonly data?: unknown;
}

/** The answer to a call. */
export interface Invocation<T> extends Promise<T> {
  /** Hears what the method reports until it answers. Returns the invocation itself. */
  progress<P = unknown>(report: (value: P) => void): Invocation<T>;
}

/** One hub of a connection. Made by `connection.hub(name)`. */
export interface Hub {
  readonly name: string;
  /** Sent with every call and updated by the hub's answers and events. */
  state: Record<string, unknown>;
  /**
   * Calls `handler` with the arguments of each event of that name, whatever its case. What it gives, or its promise, goes
   * back to a sender that waits for it: of several handlers the first value, or else the first failure.
   */
  on(event: string, handler: (this: Hub, ...args: any[]) => unknown): this;
  /** Removes one handler of an event, or all of them. True if there was something to remove. */
  off(event: string, handler?: (...args: any[]) => void): boolean;
  /** Calls a method of the hub; rejects with a `HubError`. */
  invoke<T = unknown>(method: string, ...args: unknown[]): Invocation<T>;
  /**
   * Keeps the application in step with the hub. `take` gets a snapshot from the server, takes it over in place of what
   * there was, and gives the position that it reflects. It is called at each start, at once if the connection is there,
   * and whenever events of the hub are gone for good. Meanwhile the hub's events are held back; then those that the
   * snapshot has are dropped and the others delivered in order. A snapshot that fails is taken again after 1 to 30
   * seconds, or when the socket is there again; a gap meanwhile, or more than 10,000 held events, begin anew.
   * A hub has one such function: the last one.
   */
  resync(take: () => Promise<Position> | Position): this;
}

/** What a snapshot reflects: the server's `cx.position()`, alone or as a member of the snapshot. */
export type Position = string | { position: string };

/** Events that this client should have got and never will. */
export interface Missed {
  of: "all" | "group" | "topic" | "user" | "connection" | "queue" | "log" | "presence";
  why: "trimmed" | "expired" | "damaged" | "dropped" | "epochChanged";
  /** The hub; null if everything may be missing. */
  hub: string | null;
  /** The name of the group, topic or queue. */
  name: string | null;
}

export interface HubConnectionEvents {
  statechange: CustomEvent<{ state: ConnectionState; previous: ConnectionState }>;
  /** Nothing was heard for two thirds of the keep-alive timeout. */
  slow: CustomEvent<null>;
  /** After `slow`, something was heard again. */
  steady: CustomEvent<null>;
  /** The socket was lost and calls without an answer have failed. */
  reconnecting: CustomEvent<null>;
  /** A socket is there again; what was sent meanwhile follows, once and in order. */
  reconnected: CustomEvent<null>;
  /** The connection has ended; without an error it was stopped. A new `start` makes a new one. */
  closed: CustomEvent<{ error?: Error }>;
  /**
   * Events are gone for good: this client was away for longer than the server keeps them, or it was restarted with a log
   * in memory (`of: "log"`). Only servers of hub tell.
   */
  gap: CustomEvent<{ missed: Missed[] }>;
  /** The connection failed, or a handler or a snapshot did. */
  error: CustomEvent<{ error: unknown }>;
}

/** A connection to a classic SignalR endpoint, with any number of hubs on it. */
export class HubConnection extends EventTarget {
  constructor(url: string | URL, options?: HubConnectionOptions);
  readonly state: ConnectionState;
  /** Kept across reconnects; another after each `start`; null while there is none. */
  readonly id: string | null;
  /** Called with each `statechange` event. */
  onstate: ((event: HubConnectionEvents["statechange"]) => void) | null;
  /** The hub of that name. Events arrive only from hubs that were named before `start`. */
  hub(name: string): Hub;
  /** Connects. Resolves when calls can be made and what arrived meanwhile has been delivered. */
  start(): Promise<void>;
  /** Disconnects. Resolves when the server has been told. */
  stop(): Promise<void>;
  addEventListener<K extends keyof HubConnectionEvents>(type: K,
    listener: (this: HubConnection, event: HubConnectionEvents[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions): void;
  removeEventListener<K extends keyof HubConnectionEvents>(type: K,
    listener: (this: HubConnection, event: HubConnectionEvents[K]) => void, options?: boolean | EventListenerOptions): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions): void;
}
