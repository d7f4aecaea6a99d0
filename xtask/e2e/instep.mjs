// hub.js against a server that is made up: answers, gaps, and hubs that are kept in step.

import { HubConnection } from "../../hub-client/js/hub.js";
import { assert, equal, until } from "./harness.mjs";
import { madeUp, rejects } from "./madeup.mjs";

const event = (M, O, ...A) => ({ H: "H", M, A, O });
/** Its answer names something of its own, not its place. */
const asking = (M, O, ...A) => ({ ...event(M, O, ...A), K: `A${O}` });

/** A started connection; `frames` is what it has said, `got` the numbers of the events `e`. */
async function started(prepare = () => {}) {
  const [frames, got] = [[], []];
  const made = madeUp({
    opened: (socket) => { if (made.sockets.length === 1) socket.say({ C: "d-A-0", S: 1, M: [] }); },
    answer: (_, frame) => frames.push(frame),
  });
  made.hub.on("e", (n) => { got.push(n); });
  const all = { ...made, frames, got };
  prepare(all);
  await made.connection.start();
  return all;
}

/** Cuts the socket and waits for the next one. */
async function cut({ connection, sockets }) {
  sockets.at(-1).drop();
  await until("it is lost", () => connection.state === "reconnecting");
  await until("it is back", () => connection.state === "connected");
  return sockets.at(-1);
}

/** A `take` for `resync` whose snapshots the test gives by hand. */
function byHand() {
  const open = [];
  const take = () => new Promise((resolve, reject) => open.push({ resolve, reject }));
  return { open, take };
}

export async function inStep(check) {
  await check("made up: each event that asks is answered once: value, nothing, failure, nobody", async () => {
    const { hub, sockets, frames, connection } = await started();
    connection.addEventListener("error", () => {});
    hub.on("value", async (n) => n + 1).on("value", () => 99).on("bad", () => { throw new Error("no"); });
    hub.on("odd", () => 1n).on("late", () => new Promise((resolve) => { setTimeout(resolve, 50, "late"); }));
    hub.on("mixed", () => { throw new Error("first"); }).on("mixed", () => null);
    sockets[0].say({ C: "d-A-8", M: [asking("late", "1"), asking("value", "2", 4), asking("e", "3", 3), asking("bad", "4"),
      asking("nobody", "5"), asking("odd", "6"), asking("mixed", "7"), event("e", "8", 8)] });
    await until("all answers", () => frames.length === 7);
    const sorted = [...frames].sort((a, b) => (a.K < b.K ? -1 : 1));
    assert(/BigInt/.test(sorted[5].E), `no JSON: ${JSON.stringify(sorted[5])}`);
    sorted.splice(5, 1);
    equal(sorted, [{ K: "A1", R: "late" }, { K: "A2", R: 5 }, { K: "A3" }, { K: "A4", E: "no" },
      { K: "A5", E: "There is no callback for H.nobody." }, { K: "A7", R: null }], "answers");
    equal(frames.at(-1), { K: "A1", R: "late" }, "others wait for nobody");
  });

  await check("made up: a reconnect repeats answers; what comes twice does not run twice; places are no floats", async () => {
    const all = await started();
    const high = "20000000000001"; // 2^53 + 1: a float is the same as the one before
    all.sockets[0].say({ C: `d-A-${high}`, M: [asking("e", "20000000000000", 1), asking("e", high, 2)] });
    await until("answers", () => all.frames.length === 2);
    const socket = await cut(all);
    await until("answers again", () => all.frames.length === 4);
    equal(all.frames.slice(2), all.frames.slice(0, 2), "answers");
    socket.say({ C: `d-A-${high}`, M: [event("e", high, "twice"), event("e", "20000000000002", 3)] });
    socket.say({ C: `d-A-${high}.5`, M: [event("e", "5", "kept")] });
    socket.say({ C: "d-B-1", M: [event("e", "1", "another log")] });
    equal(all.got, [1, 2, 3, "kept", "another log"], "events");
    assert(all.log.every((line) => line.includes("tags=1")), "a request does not ask for tags");
  });

  await check("made up: an answer is for its ask, also where another log has one in the same place", async () => {
    const all = await started();
    all.hub.on("value", (n) => n);
    all.sockets[0].say({ C: "d-A-1", M: [{ ...event("value", "1", 1), K: "FFFFFFFFFFFFFFFF" }] });
    await until("the answer", () => all.frames.length === 1);
    const socket = await cut(all);
    await until("the answer again", () => all.frames.length === 2);
    socket.say({ C: "d-B-1", M: [{ ...event("value", "1", 2), K: "2F" }] });
    await until("the other answer", () => all.frames.length === 3);
    const old = { K: "FFFFFFFFFFFFFFFF", R: 1 };
    equal(all.frames, [old, old, { K: "2F", R: 2 }], "answers");
    await all.connection.stop();
  });

  await check("made up: another log is a gap, also where the server does not say so", async () => {
    const { open, take } = byHand();
    const all = await started((made) => made.hub.resync(take));
    const gaps = [];
    all.connection.addEventListener("gap", ({ detail }) => gaps.push(detail.missed.map(({ of, why }) => `${of} ${why}`)));
    open[0].resolve("d-A-5");
    await until("in step", () => { all.sockets[0].say({ C: "d-A-6", M: [event("e", "6", 6)] }); return all.got.length; });
    let socket = await cut(all);
    socket.say({ C: "d-B-5", M: [2, 3, 4, 5].map((n) => asking("e", `${n}`, n)) }); // in the places of what the snapshot had
    equal([gaps, open.length, all.got, all.frames], [[["log epochChanged"]], 2, [6], []], "a gap, and all is held");
    open[1].resolve("d-B-3");
    await until("in step", () => all.got.length === 3);
    await until("answers", () => all.frames.length === 4);
    equal([all.got, all.frames], [[6, 4, 5], [2, 3, 4, 5].map((n) => ({ K: `A${n}` }))], "events and answers");
    socket = await cut(all);
    socket.say({ C: "d-C-1", X: [{ T: "all", W: "trimmed", H: "Other" }], M: [] });
    equal(gaps[1], ["all trimmed", "log epochChanged"], "a gap of another hub says nothing of it");
    socket = await cut(all);
    socket.say({ C: "d-D-1", X: [{ T: "log", W: "epochChanged" }], M: [] });
    equal(gaps.slice(2), [["log epochChanged"]], "once");
    await all.connection.stop();
  });

  await check("made up: a snapshot of another log is not merged", async () => {
    const { open, take } = byHand();
    const all = await started((made) => made.hub.resync(take));
    const errors = [];
    all.connection.addEventListener("error", ({ detail }) => errors.push(detail.error.message));
    all.sockets[0].say({ C: "d-A-3", M: [event("e", "3", 3)] });
    let socket = await cut(all); // the server is restarted: the snapshot is there, and not taken over yet
    const log = [{ T: "log", W: "epochChanged" }];
    socket.say({ C: "d-B-4", X: log, M: [2, 3, 4].map((n) => event("e", `${n}`, n)) });
    open[0].resolve("d-A-9");
    await until("another snapshot", () => open.length === 2);
    open[1].resolve("d-A-9"); // from elsewhere
    await until("the error", () => errors.length === 1);
    equal([all.got, errors], [[], ["The snapshot's position is of another log."]], "nothing yet");
    socket = await cut(all);
    await until("another snapshot", () => open.length === 3);
    open[2].resolve("d-B-3");
    await until("in step", () => all.got.length === 1);
    socket.say({ C: "d-B-5", M: [event("e", "5", 5)] });
    equal([all.got, errors.length], [[4, 5], 1], "events");
    await all.connection.stop();
  });

  await check("made up: resync begins with a snapshot, and merges exactly around its position", async () => {
    const { open, take } = byHand();
    const { sockets, got, frames, hub } = await started((made) => made.hub.resync(take));
    equal(open.length, 1, "snapshots at the start");
    sockets[0].say({ C: "d-A-12", M: [asking("e", "9", 9), asking("e", "10", 16), asking("e", "11", 17), event("e", "12", 18)] });
    equal(got, [], "held");
    open[0].resolve({ position: "d-A-10" });
    await until("newer ones", () => got.length === 2);
    sockets[0].say({ C: "d-A-13", M: [event("e", "13", 19)] });
    equal([got, hub.name], [[17, 18, 19], "h"], "events");
    await until("answers", () => frames.length === 3);
    equal(frames, [{ K: "A9" }, { K: "A10" }, { K: "A11" }], "answers");
  });

  await check("made up: a gap is told, only its hub takes a snapshot, and one that comes meanwhile begins again", async () => {
    const { open, take } = byHand();
    const all = await started((made) => made.hub.resync(take));
    const gaps = [];
    all.connection.addEventListener("gap", ({ detail }) => gaps.push(...detail.missed));
    open[0].resolve("d-A-0");
    await until("in step", () => { all.sockets[0].say({ C: "d-A-1", M: [event("e", "1", 1)] }); return all.got.length; });
    let socket = await cut(all);
    socket.say({ C: "d-A-2", X: [{ T: "group", W: "trimmed", H: "Other", N: "g" }], M: [event("e", "2", 2)] });
    equal([open.length, all.got], [1, [1, 2]], "another hub's gap");
    socket.say({ C: "d-A-9", X: [{ T: "log", W: "epochChanged" }], M: [event("e", "9", 9)] });
    equal([open.length, all.got], [2, [1, 2]], "snapshots");
    socket = await cut(all);
    socket.say({ C: "d-A-C", X: [{ T: "all", W: "trimmed", H: "H" }], M: [event("e", "C", 12)] });
    open[1].resolve("d-A-1"); // too old: it has not what the second gap is about
    await until("another snapshot", () => open.length === 3);
    equal(all.got, [1, 2], "nothing of the first one");
    open[2].resolve("d-A-B");
    await until("in step", () => all.got.length === 3);
    equal(all.got, [1, 2, 12], "events");
    equal(gaps, [{ of: "group", why: "trimmed", hub: "Other", name: "g" }, { of: "log", why: "epochChanged", hub: null, name: null },
      { of: "all", why: "trimmed", hub: "H", name: null }], "gaps");
  });

  await check("made up: a snapshot that fails or has no position is taken again; too many held events begin again", async () => {
    const { open, take } = byHand();
    const all = await started((made) => made.hub.resync(take));
    const errors = [];
    all.connection.addEventListener("error", ({ detail }) => errors.push(detail.error.message));
    open[0].reject(new Error("not now"));
    await until("the error", () => errors.length === 1);
    await cut(all); // a new socket: no reason to wait
    await until("another snapshot", () => open.length === 2);
    open[1].resolve({ items: [] });
    await until("the error", () => errors.length === 2);
    await until("another snapshot, after a pause", () => open.length === 3);
    const many = Array.from({ length: 10_001 }, (_, i) => event("e", (i + 1).toString(16), i + 1));
    all.sockets.at(-1).say({ C: "d-A-2711", M: many });
    all.sockets.at(-1).say({ C: "d-A-2712", M: [event("e", "2712", "last")] });
    open[2].resolve("d-A-5");
    await until("another snapshot", () => open.length === 4);
    equal(all.got, [], "given up");
    open[3].resolve("d-A-2711");
    await until("in step", () => all.got.length === 1);
    equal([all.got, errors], [["last"], ["not now", "The snapshot has no position."]], "events and errors");
    await all.connection.stop();
    assert(all.connection.state === "disconnected", "it is over");
  });

  await check("made up: a snapshot whose call a cut overtakes is taken again at once on the next socket, however late it fails", async () => {
    const attempts = { early: 0, late: 0 };
    const all = await started(({ connection, hub }) => {
      hub.resync(async () => { attempts.early += 1; return hub.invoke("snapshot"); });
      connection.hub("other").resync(async () => {
        attempts.late += 1;
        const error = await rejects(connection.hub("other").invoke("snapshot"));
        await until("the next socket", () => connection.state === "connected");
        throw error;
      });
    });
    const before = Date.now();
    for (let n = 1; n <= 6; n++) {
      await until(`attempts ${n}: ${JSON.stringify(attempts)}`, () => attempts.early === n && attempts.late === n, 60_000);
      all.sockets.at(-1).say({}); // one that had worked is made again soon
      await cut(all);
    }
    await until("the last attempts", () => attempts.early === 7 && attempts.late === 7, 60_000);
    const waited = Date.now() - before;
    assert(waited < 20_000, `with pauses it takes 35 s or more, without ${waited} ms`);
    await all.connection.stop();
  });

  await check("made up: answers are kept up to a number, a length and a count of times", async () => {
    const all = await started();
    const { hub, frames, sockets } = all;
    const asked = async (M, from, count) => {
      const before = frames.length;
      const orders = Array.from({ length: count }, (_, n) => (from + n).toString(16).toUpperCase());
      sockets.at(-1).say({ C: `d-A-${orders.at(-1)}`, M: orders.map((O) => asking(M, O)) });
      await until("answers", () => frames.length === before + count);
    };
    const again = async () => {
      frames.length = 0;
      sockets.at(-1).say({});
      await cut(all);
      await new Promise((resolve) => { setTimeout(resolve, 20); }); // all are said in one go
      return frames.map(({ K }) => parseInt(K.slice(1), 16));
    };
    hub.on("long", () => "x".repeat(400_000)).on("longest", () => "x".repeat(2_000_000));
    await asked("e", 1, 1030);
    equal((await again()).length, 1024, "small ones that are kept");
    await asked("long", 2000, 4);
    equal(await again(), [2002, 2003], "long ones that are kept");
    await asked("longest", 3000, 1);
    equal(await again(), [3000], "one that is longer than all may be");
    for (let times = 3; times <= 8; times++) equal(await again(), [3000], `time ${times}`);
    equal(await again(), [], "one that was said eight times");
    await all.connection.stop();
  });

  await check("made up: a query value of the protocol's own name is refused", async () => {
    for (const [url, query] of [["http://h/s", { Tags: 1 }], ["http://h/s?messageId=2"]]) {
      const error = await rejects((async () => new HubConnection(url, { query }))());
      assert(error instanceof TypeError && /"(Tags|messageId)"/.test(error.message), error.message);
    }
    equal(new HubConnection("http://h/s?tag=1", { query: { tagged: 2 } }).state, "disconnected", "others are taken");
  });
}
