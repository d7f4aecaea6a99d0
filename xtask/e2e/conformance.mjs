// The official client, npm `signalr` 2.4.3 on jQuery, unmodified, in a real browser, against everything that the
// conformance application has: on one transport, from pages of the same or of another origin.

import { Checks, options, otherOrigin, withBrowser } from "./harness.mjs";
import { checks as callbacks } from "./conformance/callbacks.mjs";
import { checks as calls } from "./conformance/calls.mjs";
import { checks as fallback } from "./conformance/fallback.mjs";
import { checks as lifetime } from "./conformance/lifetime.mjs";
import { checks as offline } from "./conformance/offline.mjs";
import { checks as proxies } from "./conformance/proxies.mjs";
import { checks as raw } from "./conformance/raw.mjs";
import { checks as redirects } from "./conformance/redirects.mjs";
import { checks as status } from "./conformance/status.mjs";
import { checks as users } from "./conformance/users.mjs";
import { SCRIPTS, World } from "./conformance/world.mjs";

const { url, hasty, program, chromium, transport, cross, grep } = options({
  hasty: { type: "string" },
  program: { type: "string" },
  transport: { type: "string", default: "webSockets" },
  cross: { type: "boolean", default: false },
  grep: { type: "string", default: "" },
});

/** As many as two processors keep up with, while most checks wait for a timeout. */
const WIDTH = 6;

const chosen = [...calls, ...callbacks, ...proxies, ...raw, ...users, ...lifetime, ...redirects, ...status, ...fallback, ...offline]
  .filter(({ name }) => name.includes(grep))
  .filter(({ only, except }) => (only ?? [transport]).includes(transport) && !except?.includes(transport))
  .filter(({ origin }) => !origin || origin === (cross ? "cross" : "same"))
  // A frame of another origin is out of the client's reach.
  .filter(({ only, origin }) => transport !== "foreverFrame" || !cross || (only && origin))
  .sort((a, b) => (b.seconds ?? 0) - (a.seconds ?? 0));

const all = new Checks();
await all.run(() => withBrowser(chromium, async (newContext) => {
  const elsewhere = await otherOrigin(SCRIPTS);
  const world = new World({ newContext, url, hasty, program, transport, cross, elsewhere });
  await all.together(chosen.map(({ name, body }) => ({ name, body: () => body(world) })), WIDTH);
}));
