/** Calls of hub methods, and what becomes of them. */

/** Why a call failed: every rejected `invoke` gives one. */
export class HubError extends Error {
  /** `source`: the hub on purpose ("HubException", perhaps with `data`), by accident ("Exception"), or "Connection". */
  constructor(message, source = "Exception", data = undefined) {
    super(message);
    Object.assign(this, { name: "HubError", source, data, isHubException: source === "HubException" });
  }
}

/** The calls of a connection that wait for their answers. */
export class Calls {
  #open = new Map();
  #last = 0; // never restarts: a late answer must not find a newer call of the same number

  /** Sends a call over the socket that `link` gives, or fails as `link` does. The promise has `progress(fn)`. */
  make(hub, method, args, link) {
    const id = String(this.#last++);
    const call = { hub, reports: [] };
    const answer = new Promise((resolve, reject) => {
      const socket = link();
      const state = Object.keys(hub.state).length ? { S: hub.state } : undefined;
      const frame = JSON.stringify({ H: hub.name, M: method, A: args, I: Number(id), ...state });
      this.#open.set(id, Object.assign(call, { resolve, reject }));
      socket.send(frame);
    });
    return Object.assign(answer, { progress: (report) => (call.reports.push(report), answer) });
  }

  /** Ends the call that an answer is for, if it is still open. */
  settle({ I, R, E, H, D, S }) {
    const call = this.#open.get(String(I));
    if (!this.#open.delete(String(I))) return;
    Object.assign(call.hub.state, S);
    if (E === undefined || E === null) call.resolve(R);
    else call.reject(new HubError(E, H ? "HubException" : "Exception", D));
  }

  /** The call of this id, to which its reports go. */
  of(id) { return this.#open.get(String(id)); }

  /** Ends all that are open. */
  reject(text) {
    for (const { reject } of this.#open.values()) reject(new HubError(text, "Connection"));
    this.#open.clear();
  }
}
