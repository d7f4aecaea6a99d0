/** Answers to events whose senders wait for them: on their way out, and kept for the next socket. */

const KEPT = 1024; // answers, the newest ones
const KEPT_LENGTH = 1024 * 1024; // characters of all of them, but the newest one in any case
const TIMES = 8; // each is said at most: one that is too long for the server would break every socket

/**
 * The answers of one session. A socket that broke may have lost what was said on it, and nothing tells: so the next one
 * gets them again. A server knows those that it has, and those that are for another one. Of one that is let go the sender hears that it timed out.
 */
export class Answers {
  #kept = [];
  #length = 0;

  /** Answers the ask `K` with `{ R }`, `{ E }` or nothing, or a promise of those; `link` gives the socket, if there is one then. */
  async add(K, outcome, link) {
    const said = (rest) => JSON.stringify({ K, ...rest });
    const frame = await Promise.resolve(outcome).then(said).catch(({ message }) => said({ E: message }));
    const answer = { frame, times: 0 };
    this.#kept.push(answer);
    this.#length += frame.length;
    while (this.#kept.length > KEPT || (this.#length > KEPT_LENGTH && this.#kept.length > 1)) {
      this.#length -= this.#kept.shift().frame.length;
    }
    this.#say(answer, link());
  }

  /** There is another socket: all of them once more. */
  again(socket) {
    this.#kept = this.#kept.filter(({ times }) => times < TIMES);
    this.#length = this.#kept.reduce((sum, { frame }) => sum + frame.length, 0);
    for (const answer of this.#kept) this.#say(answer, socket);
  }

  #say(answer, socket) {
    if (!socket) return;
    answer.times += 1;
    socket.send(answer.frame);
  }
}
