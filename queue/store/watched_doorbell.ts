/**
 * Wake-ups through a KV server: a ring rewrites the channel's key, and who executes the channel watches it. A hint is
 * heard 0.3 ms after it was written, at the price of a write: so rings within a few milliseconds are one. Each channel
 * has a key of its own, because of two writes of one key a watch may tell the later only.
 *
 * @module
 */
import { brokenHint } from "./kv_errors.ts";
import type { Doorbell, Key } from "./port.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Keys that one watch takes. */
const WATCH_KEYS = 10;
/** Milliseconds between two rings of a channel: at most 100 of the thousands of writes that a server makes a second. */
const SPACING = 10;
/** Milliseconds before a watch that has ended is begun anew; a random part of it. */
const RESTART = 500;

/** A ring on its way, and whether one more has to follow. */
interface Ring {
  again: boolean;
  readonly done: Promise<void>;
}

/** A doorbell that can go on with another connection. */
export interface WatchedDoorbell extends Doorbell {
  /** From now on it rings and listens there; whoever listens hears each of his channels once. */
  moveTo(kv: Deno.Kv): void;
}

/**
 * Makes the doorbell.
 *
 * @param namespace in whose keys it writes
 * @param random returns a number from 0 to 1
 */
export function watchedDoorbell(kv: Deno.Kv, namespace: string, random: () => number): WatchedDoorbell {
  /** A channel's key: it stands among the engine's own, of which `rows/keys.ts` makes all others. */
  const bell = (channel: string): Key => [namespace, "bell", channel];
  /** What our rings write, in JSON: a process that rings has told its own consumers already. */
  const own = JSON.stringify(crypto.randomUUID());
  const listeners: { channels: readonly string[]; heard: (channel: string) => void }[] = [];
  const write = (channel: string) => kv.set(bell(channel), encoder.encode(own));
  let rings = new Rings(write);

  function watchAll({ channels, heard }: (typeof listeners)[number]): void {
    for (let at = 0; at < channels.length; at += WATCH_KEYS) {
      watch(kv, channels.slice(at, at + WATCH_KEYS), heard);
    }
  }

  async function watch(
    database: Deno.Kv,
    channels: readonly string[],
    heard: (channel: string) => void,
  ): Promise<void> {
    while (database === kv) {
      try {
        const seen = new Map<string, string | null>();
        for await (const entries of database.watch<Uint8Array[]>(channels.map(bell))) {
          entries.forEach(({ versionstamp, value }, i) => {
            const channel = channels[i]!;
            if (seen.get(channel) === versionstamp) return;
            const isFirst = !seen.has(channel);
            seen.set(channel, versionstamp);
            if (isFirst || decoder.decode(value!) !== own) heard(channel);
          });
        }
      } catch (error) {
        if (brokenHint(error)) return;
      }
      await pause(RESTART * random());
    }
  }

  return {
    ring: (channel) => rings.ring(channel),

    listen(channels, heard) {
      const listener = { channels, heard };
      listeners.push(listener);
      watchAll(listener);
    },

    moveTo(database) {
      kv = database;
      // What is on its way there may never be answered.
      rings = new Rings(write);
      listeners.forEach(watchAll);
    },
  };
}

/** What is rung through one connection. */
class Rings {
  #ringing = new Map<string, Ring>();

  /** @param write rings once */
  constructor(readonly write: (channel: string) => Promise<unknown>) {}

  /** Rings, or has the ring on its way be followed by another. Resolves when the channel's rings are over. */
  ring(channel: string): Promise<void> {
    const ringing = this.#ringing.get(channel);
    if (ringing) {
      ringing.again = true;
      return ringing.done;
    }
    const ring: Ring = {
      again: false,
      done: this.#send(channel).finally(() => this.#ringing.delete(channel)),
    };
    this.#ringing.set(channel, ring);
    return ring.done;
  }

  async #send(channel: string): Promise<void> {
    await this.write(channel);
    await pause(SPACING);
    const ring = this.#ringing.get(channel)!;
    if (!ring.again) return;
    ring.again = false;
    await this.#send(channel);
  }
}

/** Keeps no program from ending. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, milliseconds)));
}
