/**
 * Wake-ups through a KV server: a ring rewrites the channel's key, and the processes that execute the channel watch
 * that key. A hint is heard 0.3 ms after it was written. Each hint costs a write, so rings within a few milliseconds
 * become one. Each channel has a key of its own, because a watch may report only the later of two writes to one key.
 *
 * @module
 */
import { brokenHint } from "./kv_errors.ts";
import type { Doorbell, Key } from "./port.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Keys that one watch takes at most. */
const WATCH_KEYS = 10;
/** Milliseconds between two rings of a channel: at most 100 of the thousands of writes a server makes a second. */
const SPACING = 10;
/** Milliseconds, at most, before a watch that has ended is begun anew; a random part of this. */
const RESTART = 500;

/** A ring on its way, and whether one more has to follow. */
interface Ring {
  again: boolean;
  readonly done: Promise<void>;
}

/** A doorbell that can go on with another connection. */
export interface WatchedDoorbell extends Doorbell {
  /** Makes the doorbell ring and listen over another connection. Each listener then hears each of its channels once. */
  moveTo(kv: Deno.Kv): void;
}

/**
 * Makes the doorbell.
 *
 * @param namespace namespace of the keys that the doorbell writes
 * @param random returns a number from 0 to 1
 */
export function watchedDoorbell(kv: Deno.Kv, namespace: string, random: () => number): WatchedDoorbell {
  /** A channel's key. It is one of the engine's own keys, of which `rows/keys.ts` makes all others. */
  const bell = (channel: string): Key => [namespace, "bell", channel];
  /**
   * The value, in JSON, that rings of this process write. A watch of this process passes over changes to this value,
   * because its own consumers are told already.
   */
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
      // Rings on their way over the former connection may never be answered.
      rings = new Rings(write);
      listeners.forEach(watchAll);
    },
  };
}

/** The rings through one connection. */
class Rings {
  #ringing = new Map<string, Ring>();

  /** @param write writes the key of a channel, which is one ring */
  constructor(readonly write: (channel: string) => Promise<unknown>) {}

  /** Rings, or makes another ring follow the one on its way. Resolves when the channel's rings are over. */
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

/** Waits, without keeping the program from ending. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, milliseconds)));
}
