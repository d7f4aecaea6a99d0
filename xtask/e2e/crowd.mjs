// Many clients of the chat at once, of all kinds: each has a transport, is in a room, and says something now and then.

import WebSocket from "ws";
import { HubConnection } from "../../hub-client/js/hub.js";

const HUBS = JSON.stringify([{ name: "chat" }]);

/** Calls that were answered, and those of them that were meant to fail. */
export const answered = { all: 0, failed: 0 };

/** A WebSocket without negotiation. */
export class Bare {
  #waiting = new Map();
  #calls = 0;

  async open(url) {
    this.socket = new WebSocket(`${url.replace("http", "ws")}/signalr`, { perMessageDeflate: false });
    this.socket.on("message", (text) => {
      const { I: id, E: error } = JSON.parse(text);
      this.#waiting.get(id)?.(error);
      this.#waiting.delete(id);
    });
    await new Promise((resolve, reject) => this.socket.once("open", resolve).once("error", reject));
    return this;
  }

  call(method, ...args) {
    const id = String(this.#calls++);
    this.socket.send(JSON.stringify({ H: "chat", M: method, A: args, I: id }));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  async close() {
    const closed = new Promise((resolve) => this.socket.once("close", resolve));
    this.socket.close();
    await closed;
  }
}

/** `hub.js`. */
export class Modern {
  async open(url) {
    this.connection = new HubConnection(`${url}/signalr`, { hubs: ["chat"], WebSocket });
    await this.connection.start();
    return this;
  }

  call(method, ...args) {
    return this.connection.hub("chat").invoke(method, ...args).then(() => undefined, (error) => error.message);
  }

  close() { return this.connection.stop(); }
}

/** One that receives over plain HTTP. */
class Http {
  #url;
  #query;
  #ending = new AbortController();

  async open(url, transport) {
    this.#url = `${url}/signalr`;
    this.#query = { transport, clientProtocol: "2.1", connectionData: HUBS };
    const { ConnectionToken } = await this.#get("negotiate");
    this.#query.connectionToken = ConnectionToken;
    await this.connect();
    await this.#get("start");
    this.receive();
    return this;
  }

  async request(verb, more = {}, settings = {}) {
    const query = new URLSearchParams({ ...this.#query, ...more });
    const answer = await fetch(`${this.#url}/${verb}?${query}`, { signal: this.#ending.signal, ...settings });
    if (!answer.ok) throw new Error(`${verb}: ${answer.status}`);
    return answer;
  }

  async #get(verb) { return (await this.request(verb)).json(); }

  async call(method, ...args) {
    const data = JSON.stringify({ H: "chat", M: method, A: args, I: "0" });
    await this.request("send", {}, { method: "POST", body: new URLSearchParams({ data }) }).then((answer) => answer.text());
  }

  async close() {
    await this.request("abort", {}, { method: "POST", signal: undefined });
    this.#ending.abort();
  }
}

export class Streaming extends Http {
  #body;

  open(url) { return super.open(url, "serverSentEvents"); }

  async connect() {
    this.#body = (await this.request("connect")).body;
    this.#drain(this.#body);
  }

  receive() {}

  async #drain(body) {
    try {
      for await (const _ of body);
    } catch { /* it was closed */ }
  }

  /** Comes back with a position of another server: what lies between is gone for good. */
  async comesBackLate() {
    this.#drain((await this.request("reconnect", { messageId: "d-1-1" })).body);
  }
}

export class Polling extends Http {
  #at;

  open(url) { return super.open(url, "longPolling"); }

  async connect() { this.#at = (await (await this.request("connect")).json()).C; }

  async receive() {
    try {
      for (;;) this.#at = (await (await this.request("poll", { messageId: this.#at })).json()).C;
    } catch { /* it was closed */ }
  }
}

/** Opens clients of a kind, a few at a time, each in one of these rooms. */
export async function enter(url, Kind, count, rooms) {
  const clients = [];
  const open = async () => {
    while (clients.length < count) {
      const client = new Kind();
      const number = clients.push(client);
      client.room = rooms[number % rooms.length];
      await client.open(url);
      await client.call("join", client.room, `${Kind.name} ${number}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, open));
  return clients;
}

/** Has them talk until it is told to stop: `perSecond` calls, some of which fail. */
export function talk(clients, perSecond) {
  let last = performance.now();
  let [due, said] = [0, 0];
  const timer = setInterval(() => {
    const now = performance.now();
    due += (now - last) / 1000 * perSecond();
    last = now;
    for (; said < due; said++) {
      const client = clients[said % clients.length];
      const fails = said % 20 === 19;
      client.call("send", fails ? "nowhere" : client.room, "It is quiet here.").then(() => {
        answered.all += 1;
        answered.failed += fails ? 1 : 0;
      });
    }
  }, 20);
  return () => clearInterval(timer);
}
