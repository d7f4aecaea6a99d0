/** One hub of a connection, as the application holds it. */

import { Resync } from "./resync.js";

/** What a connection may ask of a hub, and nobody outside. */
export const HANDLERS = Symbol("handlers");
export const RESYNC = Symbol("resync");

/** One hub of a connection: call its methods, listen to its events. Made by `connection.hub(name)`. */
export class Hub {
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
