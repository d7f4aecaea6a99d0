// The chat page. What the server says goes into `rooms`; `draw` functions show it. Text that
// people wrote reaches the document through textContent only.

import { HubConnection } from "/signalr/hub.js";

const KEPT = 500; // messages a room keeps on the page
const GROUPED_MS = 3 * 60_000; // one speaker's messages within this time share a head

const $ = (id) => document.getElementById(id);

/** Makes an element: `el("b", { className: "badge", textContent: 3 }, child, ...)`. */
function el(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

const saved = {
  get name() { return localStorage.getItem("chat.name") ?? ""; },
  set name(name) { localStorage.setItem("chat.name", name); },
  get rooms() { return JSON.parse(localStorage.getItem("chat.rooms") ?? "[]"); },
  set rooms(names) { localStorage.setItem("chat.rooms", JSON.stringify(names)); },
};

const connection = new HubConnection("/signalr");
const chat = connection.hub("chat");

let me = saved.name;
let motd = "";
let current = null; // the room on show
const rooms = new Map(); // name -> { name, people: string[], log: entry[], unread }
const there = { name: null, rooms: new Set() }; // what the server knows of that

// ---- what the server says ------------------------------------------------------------------------

chat.on("welcome", (id, text) => {
  motd = text;
  drawTitle();
});

chat.on("message", (name, user, text, at) => {
  const room = rooms.get(name);
  if (room) add(room, { user, text, at, own: user === me });
});

chat.on("announcement", (user, text) => {
  if (current) add(current, { note: text, from: user });
});

chat.on("joined", (name, user) => {
  const room = rooms.get(name);
  if (!room) return;
  room.people.push(user);
  add(room, { note: `${user} joined` });
  recount(room);
});

chat.on("left", (name, user) => {
  const room = rooms.get(name);
  if (!room) return;
  const index = room.people.indexOf(user);
  if (index >= 0) room.people.splice(index, 1);
  add(room, { note: `${user} left` });
  recount(room);
});

chat.on("renamed", (before, after) => {
  for (const room of rooms.values()) {
    if (!room.people.includes(before)) continue;
    room.people = room.people.map((user) => (user === before ? after : user));
    add(room, { note: `${before} is now ${after}` });
  }
  drawPeople();
});

/** Two people may have the same name, and events cross answers: the server's own count settles it. */
function recount(room) {
  drawPeople();
  clearTimeout(room.recounting);
  room.recounting = setTimeout(async () => {
    if (connection.state !== "connected" || !rooms.has(room.name)) return;
    room.people = await chat.invoke("people", room.name).catch(() => room.people);
    drawPeople();
  }, 400);
}

// ---- the connection --------------------------------------------------------------------------------

const STATES = { connecting: "Connecting…", connected: "Connected", reconnecting: "Reconnecting…", disconnected: "Disconnected", slow: "Slow connection" };

function drawState(state = connection.state) {
  $("status").dataset.state = state;
  $("status-text").textContent = STATES[state];
  $("reconnect").hidden = state !== "disconnected" || !me;
  $("send").disabled = connection.state !== "connected";
  if (state === "connected") $("problem").textContent = "";
}

connection.addEventListener("statechange", () => drawState());
connection.addEventListener("slow", () => drawState("slow"));
connection.addEventListener("steady", () => drawState());
connection.addEventListener("reconnected", () => {
  settle();
  rooms.forEach(recount);
});
connection.addEventListener("error", ({ detail }) => complain(detail.error));

async function start() {
  there.name = null; // a new connection has no name and is in no room
  there.rooms.clear();
  await connection.start().then(settle, complain);
}

/**
 * Tells the server what it does not know yet: a new name, rooms left, rooms opened, whenever and
 * in whatever state of the connection that happened. A reconnect needs nothing else: it is still
 * in its rooms.
 */
async function settle() {
  if (connection.state !== "connected") return;
  const steps = [];
  if (there.name !== null && there.name !== me) {
    const before = there.name;
    there.name = me;
    steps.push(chat.invoke("rename", me).catch((error) => { there.name = before; throw error; }));
  }
  for (const name of there.rooms) {
    if (rooms.has(name)) continue;
    there.rooms.delete(name);
    steps.push(chat.invoke("leave", name));
  }
  for (const [name, room] of rooms) {
    if (there.rooms.has(name)) continue;
    there.name = me;
    there.rooms.add(name);
    steps.push(chat.invoke("join", name, me).then(
      (people) => { room.people = people; },
      (error) => { there.rooms.delete(name); throw error; }));
  }
  for (const result of await Promise.allSettled(steps)) {
    if (result.status === "rejected") complain(result.reason);
  }
  drawPeople();
}

function complain(error) {
  $("problem").textContent = error.message;
}

// ---- rooms -----------------------------------------------------------------------------------------

/** Shows a room at once, and its people as soon as the server has let us in. */
function open(name) {
  if (!rooms.has(name)) {
    rooms.set(name, { name, people: [], log: [], unread: 0 });
    saved.rooms = [...rooms.keys()];
    settle();
  }
  show(rooms.get(name));
}

function leave(room) {
  rooms.delete(room.name);
  saved.rooms = [...rooms.keys()];
  settle();
  if (room === current) show([...rooms.values()].at(-1) ?? null);
  else drawRooms();
}

function show(room) {
  current = room;
  if (room) room.unread = 0;
  drawRooms();
  drawTitle();
  drawPeople();
  $("log").replaceChildren();
  room?.log.forEach((entry, index) => $("log").append(line(entry, room.log[index - 1])));
  $("log").scrollTop = $("log").scrollHeight;
  $("composer").inert = !room;
}

function add(room, entry) {
  room.log.push(entry);
  if (room.log.length > KEPT) room.log.shift();
  if (room !== current || document.hidden) {
    if (entry.text) room.unread += 1;
    drawRooms();
  }
  if (room !== current) return;
  const log = $("log");
  // Somebody who reads further up is left in peace.
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  log.append(line(entry, room.log.at(-2)));
  while (log.childElementCount > KEPT) log.firstChild.remove();
  if (atEnd || entry.own) log.scrollTop = log.scrollHeight;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden || !current) return;
  current.unread = 0;
  drawRooms();
});

// ---- drawing ---------------------------------------------------------------------------------------

function avatar(user) {
  const node = el("span", { className: "avatar", textContent: [...user.trim()].slice(0, 1).join("").toUpperCase() || "?" });
  const sum = [...user].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 997, 7);
  node.style.setProperty("--hue", Math.round(sum * 137.5) % 360); // the golden angle keeps neighbours apart
  node.setAttribute("aria-hidden", "true");
  return node;
}

function line(entry, before) {
  if (entry.from) return el("li", { className: "note announcement" }, el("b", { textContent: `${entry.from}, to all:` }), entry.note);
  if (entry.note) return el("li", { className: "note", textContent: entry.note });
  const { user, text, at, own } = entry;
  const more = before?.user === user && at - before.at < GROUPED_MS;
  const date = new Date(at);
  const time = el("time", {
    dateTime: date.toISOString(),
    textContent: date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
    title: date.toLocaleString(),
  });
  return el("li", { className: ["message", own && "own", more && "more"].filter(Boolean).join(" ") },
    avatar(user),
    el("div", { className: "head" }, el("b", { textContent: user }), time),
    el("div", { className: "text", textContent: text }));
}

function drawRooms() {
  $("rooms").replaceChildren(...[...rooms.values()].map((room) => {
    const item = el("li", { className: room.unread ? "unread" : "" },
      el("button", { className: "switch", type: "button", onclick: () => { show(room); drawer(false); } },
        el("span", { textContent: room.name }),
        ...room.unread ? [el("b", { className: "badge", textContent: room.unread, ariaLabel: `${room.unread} unread` })] : []),
      el("button", { className: "icon leave", type: "button", textContent: "✕", ariaLabel: `Leave ${room.name}`, onclick: () => leave(room) }));
    if (room === current) item.setAttribute("aria-current", "true");
    return item;
  }));
  const unread = [...rooms.values()].reduce((sum, room) => sum + room.unread, 0);
  $("elsewhere").textContent = unread;
  $("elsewhere").hidden = !unread;
  document.title = `${unread ? `(${unread}) ` : ""}${current?.name ?? "hub chat"}`;
}

function drawTitle() {
  $("title").textContent = current ? `# ${current.name}` : "No room";
  $("motd").textContent = current ? motd : "Join a room to begin";
}

function drawPeople() {
  const people = [...current?.people ?? []].sort((a, b) => a.localeCompare(b));
  $("count").textContent = people.length || "";
  $("people").replaceChildren(...people.map((user) => el("li", {}, avatar(user), el("span", { className: "who", textContent: user }),
    ...user === me ? [el("span", { className: "you", textContent: "you" })] : [])));
}

function drawer(opened) {
  $("side").classList.toggle("open", opened);
  $("menu").setAttribute("aria-expanded", opened);
  if (opened) $("close").focus();
}

// ---- what the person does --------------------------------------------------------------------------

/** `/all text` tells everybody on the server; anything else goes to the room. */
$("composer").onsubmit = async (event) => {
  event.preventDefault();
  const input = $("text");
  const text = input.value;
  if (connection.state !== "connected") return;
  input.value = "";
  try {
    const all = /^\/all\s+(.*)/s.exec(text);
    if (all) await chat.invoke("announce", all[1]);
    else await chat.invoke("send", current.name, text);
    $("problem").textContent = "";
  } catch (error) {
    input.value ||= text; // nothing that was typed is lost
    complain(error);
  }
};

$("open").onsubmit = (event) => {
  event.preventDefault();
  const name = $("room").value.trim();
  if (!name) return;
  $("room").value = "";
  open(name);
  drawer(false);
  $("text").focus();
};

$("me").onsubmit = (event) => {
  event.preventDefault();
  const name = $("name").value.trim();
  if (!name || name === me) return;
  const before = me;
  me = saved.name = name;
  for (const room of rooms.values()) room.people = room.people.map((user) => (user === before ? name : user));
  drawPeople();
  settle();
  $("text").focus();
};
$("name").onblur = () => { $("name").value = me; };

$("reconnect").onclick = start;
$("menu").onclick = () => drawer(true);
$("close").onclick = $("shade").onclick = () => { drawer(false); $("menu").focus(); };
document.addEventListener("keydown", ({ key }) => { if (key === "Escape") drawer(false); });
// A page taken back out of the browser's history is as it was, but its connection was closed.
window.addEventListener("pageshow", ({ persisted }) => { if (persisted && me) start(); });

function enter(names) {
  $("name").value = me;
  for (const name of names) open(name);
  show(rooms.get(names[0]));
  start();
}

$("welcome").addEventListener("cancel", (event) => event.preventDefault());
$("welcome").querySelector("form").onsubmit = () => {
  me = saved.name = $("first-name").value.trim() || "somebody";
  enter([$("first-room").value.trim() || "lobby"]);
  $("text").focus();
};

drawState();
show(null);
if (me) enter(saved.rooms.length ? saved.rooms : ["lobby"]);
else $("welcome").showModal();
