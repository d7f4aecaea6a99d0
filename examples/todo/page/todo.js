// The to-do page. What the server says goes into `items`, `draw` shows it. Text that people wrote reaches the document
// through textContent only.

import { HubConnection } from "/signalr/hub.js";

const $ = (id) => document.getElementById(id);

/** Makes an element: `el("b", { className: "badge", textContent: 3 }, child, ...)`. */
function el(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

const connection = new HubConnection("/signalr");
const todo = connection.hub("todo");

let version = 0; // how many changes have led to this
let items = new Map(); // id -> { id, text, done }, in the order in which they were added
const early = new Map(); // version -> a change that came before those that it follows
const rows = new Map(); // id -> its row

// ---- what the server says ------------------------------------------------------------------------

/** Changes are made once, and in the order of their versions: those that a snapshot has may come once more. */
todo.on("changed", (next, change) => {
  if (next > version) early.set(next, change);
  for (let due = early.get(version + 1); due; due = early.get(version + 1)) {
    version += 1;
    early.delete(version);
    apply(due);
  }
  draw();
});

/** Somebody checks that all have the same: what a handler gives back is the answer. */
todo.on("version", () => version);

/** At the start, and whenever so much was missed that the server has not kept it: the whole list. */
todo.resync(async () => {
  const snapshot = await todo.invoke("snapshot");
  version = snapshot.version;
  items = new Map(snapshot.items.map((item) => [item.id, item]));
  early.clear(); // they were there before the snapshot
  draw();
  return snapshot.position;
});

function apply({ added, done, removed }) {
  if (added) items.set(added.id, added);
  else if (removed) items.delete(removed.id);
  else if (items.has(done.id)) items.get(done.id).done = done.done;
}

// ---- drawing ---------------------------------------------------------------------------------------

/** Rows that stay are left where they are, and with them the focus. */
function draw() {
  for (const [id, node] of rows) {
    if (items.has(id)) continue;
    node.remove();
    rows.delete(id);
  }
  for (const item of items.values()) {
    if (!rows.has(item.id)) {
      rows.set(item.id, row(item));
      $("list").append(rows.get(item.id));
    }
    rows.get(item.id).classList.toggle("done", item.done);
    rows.get(item.id).querySelector("input").checked = item.done;
  }
  const left = [...items.values()].filter(({ done }) => !done).length;
  $("count").textContent = `${left} to do, ${items.size - left} done`;
  $("empty").hidden = items.size > 0;
  $("list").dataset.version = version;
}

function row({ id, text }) {
  const box = el("input", { type: "checkbox" });
  box.onchange = () => {
    const wanted = box.checked;
    box.checked = !wanted; // until the server says so
    attempt("done", id, wanted);
  };
  const remove = el("button", { className: "icon", type: "button", textContent: "✕", ariaLabel: `Remove ${text}`, onclick: () => attempt("remove", id) });
  const node = el("li", {}, el("label", {}, box, el("span", { textContent: text })), remove);
  node.dataset.id = id;
  return node;
}

// ---- the connection --------------------------------------------------------------------------------

const STATES = { connecting: "Connecting…", connected: "Connected", reconnecting: "Reconnecting…", disconnected: "Disconnected", slow: "Slow connection" };

function drawState(state = connection.state) {
  $("status").dataset.state = state;
  $("status-text").textContent = STATES[state];
  $("reconnect").hidden = state !== "disconnected";
  $("add").disabled = connection.state !== "connected";
  if (state === "connected") $("problem").textContent = "";
}

connection.addEventListener("statechange", () => drawState());
connection.addEventListener("slow", () => drawState("slow"));
connection.addEventListener("steady", () => drawState());
connection.addEventListener("error", ({ detail }) => complain(detail.error));

const start = () => connection.start().catch(complain);

function complain(error) {
  $("problem").textContent = error.message;
}

// ---- what the person does --------------------------------------------------------------------------

/** Calls the hub. True if it did what was asked. */
async function attempt(...call) {
  try {
    await todo.invoke(...call);
    $("problem").textContent = "";
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

$("composer").onsubmit = async (event) => {
  event.preventDefault();
  const input = $("text");
  const text = input.value;
  if (connection.state !== "connected") return;
  input.value = "";
  if (await attempt("add", text)) $("list").lastElementChild?.scrollIntoView({ block: "nearest" });
  else input.value ||= text; // nothing that was typed is lost
};

$("reconnect").onclick = start;
// A page taken back out of the browser's history is as it was, but its connection was closed.
window.addEventListener("pageshow", ({ persisted }) => { if (persisted) start(); });

drawState();
start();
