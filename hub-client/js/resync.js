/** Hubs that are kept in step: their events are held while the application takes a snapshot. */

const HELD = 10_000; // events of a hub that wait for a snapshot; what is more will be in the next one
const PAUSE_MS = 2000; // before a snapshot that failed is taken again, and twice as long each time
const LONGEST_PAUSE_MS = 20_000;

/** Half as much again, or half as little: clients that lost one server must not return to it in step. */
export const spread = (ms) => ms * (0.5 + Math.random());

/** What a cursor or position of our own server says; nothing of another's. */
export function standing(text) {
  const [, epoch, order, replayed] = /^d-([0-9a-f]+)-([0-9a-f]+)(?:\.([0-9a-f]+))?$/i.exec(text) ?? [];
  return epoch ? { epoch, order: BigInt(`0x${order}`), replayed: BigInt(`0x${replayed ?? 0}`) } : {};
}

/** Keeps a hub in step: holds its events while the application takes a snapshot, then lets go what that has not. */
export class Resync {
  #held = null;
  #upto; // the snapshot has every event up to this order; another log is a gap, which begins again
  #stale = false; // what is being taken is not enough any more
  #running = false;
  #nudged = false; // since the last attempt began
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

  /** The connection is there again, or is over: a reason not to wait any longer, or not to begin to. */
  nudge() {
    this.#nudged = true;
    this.#wake?.();
  }

  /** Out of step, perhaps once more. One snapshot is taken at a time, until one is good. */
  async begin() {
    this.#forget();
    this.nudge();
    if (this.#running) return;
    this.#running = true;
    for (let pause = PAUSE_MS; this.link.alive() && !await this.#attempt(); pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      if (!this.#stale && !this.#nudged) await new Promise((resolve) => { setTimeout(this.#wake = resolve, spread(pause)); });
    }
    this.#running = false;
  }

  async #attempt() {
    this.#stale = this.#nudged = false;
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
