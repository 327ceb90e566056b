/**
 * A client of the API: sends its wish, and where it may repeats it until it has an answer.
 *
 * @module
 */
import { type Clock, sleep } from "../../queue/mod.ts";
import { InstanceGone } from "./instance.ts";
import type { Ledger, Told, Wish } from "./ledger.ts";
import type { Answer, Platform } from "./platform.ts";
import { CHORD } from "./work.ts";

/** Milliseconds until a client repeats what got no answer. */
const PAUSE = 1000;
/** Repetitions at most. */
const PATIENCE = 30;

/** Has a wish submitted at its time. Resolves with the last answer. */
export async function submit(wish: Wish, platform: Platform, clock: Clock, ledger: Ledger): Promise<void> {
  const told = ledger.wish(wish);
  for (told.attempts = 1; told.attempts <= PATIENCE; told.attempts++) {
    ledger.requests.push(clock.now());
    const answer = await sent(wish, platform);
    if (answer && answer.status < 300) return accept(told, answer);
    if (answer && answer.status < 500 && answer.status !== 429) {
      throw new Error(`Wish ${wish.number} was refused: ${JSON.stringify(answer.body)}`);
    }
    if (!wish.keyed && !isRefused(answer)) return;
    await sleep(clock, PAUSE);
  }
}

/** The answer; `null` when the connection was lost before it came. */
async function sent(wish: Wish, platform: Platform): Promise<Answer | null> {
  try {
    return await platform.fetch(requestOf(wish));
  } catch (error) {
    if (error instanceof InstanceGone) return null;
    throw error;
  }
}

/** Whether it is certain that nothing was stored: only then may a client repeat a request that has no key. */
function isRefused(answer: Answer | null): boolean {
  return answer?.status === 429 || /nothing of this request was accepted/.test(answer?.body.detail);
}

function accept(told: Told, { body }: Answer): void {
  told.id = body.id;
  told.state = body.state;
}

function requestOf({ number, kind, delay, wait, keyed }: Wish): Request {
  const headers = {
    "content-type": "application/json",
    ...keyed && { "idempotency-key": `wish-${number}` },
    ...wait > 0 && { prefer: `wait=${wait}` },
  };
  const part = { name: "part", args: [number] };
  const [path, body] = kind === "chord"
    ? ["workflows", { chord: { header: Array(CHORD).fill(part), body: { name: "total", args: [number] } } }]
    : ["tasks", { name: kind === "delayed" ? "quick" : kind, args: [number], ...delay > 0 && { delay } }];
  return new Request(`http://sluice/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}
