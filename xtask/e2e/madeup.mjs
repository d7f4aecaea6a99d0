// A server that is made up: hub.js talks to it through a `fetch` and a `WebSocket` of ours.

import { HubConnection } from "../../hub-client/js/hub.js";

const TERMS = { Url: "/signalr", ConnectionToken: "a+b/c=", ConnectionId: "id-1", KeepAliveTimeout: null, DisconnectTimeout: 30,
  ConnectionTimeout: 110, TryWebSockets: true, ProtocolVersion: "2.0", TransportConnectTimeout: 5, LongPollDelay: 0 };

/**
 * A connection to nobody. `negotiate(n)` changes the n-th negotiation's answer, `started` the one to
 * /start, `refuse(n)` whether the n-th socket fails, `opened(socket)` speaks first, `answer(socket, frame)`
 * answers calls. `log` has all requests.
 */
export function madeUp({ negotiate = () => ({}), started = { Response: "started" }, refuse = () => false, opened, answer } = {}) {
  const log = [];
  const sockets = [];
  class WebSocket {
    constructor(address) {
      log.push(`WS ${address}`);
      sockets.push(this);
      setTimeout(() => {
        if (refuse(sockets.length)) return this.drop();
        this.onopen?.();
        if (opened) opened(this);
        else if (address.includes("/connect?")) this.say({ C: "c 1", S: 1, M: [] });
      });
    }
    say(payload) { this.onmessage?.({ data: JSON.stringify(payload) }); }
    send(text) { setTimeout(() => answer?.(this, JSON.parse(text))); }
    close() { this.drop(1000); }
    drop(code = 1006) {
      if (!this.ended) setTimeout(() => this.onclose?.({ code }));
      this.ended = true;
    }
  }
  const fetch = async (address, { method = "GET", headers }) => {
    log.push(`${method} ${address}${headers.Authorization ? ` ${headers.Authorization}` : ""}`);
    const action = /\/(\w+)\?/.exec(address)[1];
    const count = log.filter((line) => line.includes("/negotiate?")).length;
    const body = action === "negotiate" ? { ...TERMS, ...negotiate(count) } : action === "start" ? started : null;
    return { ok: true, json: async () => body };
  };
  const connection = new HubConnection("http://home/signalr?own=1", { hubs: ["h"], WebSocket, fetch });
  return { connection, hub: connection.hub("h"), log, sockets };
}

export const rejects = (promise) => promise.then(() => { throw new Error("it did not fail"); }, (error) => error);
