/**
 * Wake-ups through a KV server: a ring rewrites the channel's key, and the processes that execute the channel watch
 * that key. A hint is heard 0.3 ms after it was written. Each hint costs a write, so rings within a few milliseconds
 * become one. Each channel has a key of its own, because a watch may report only the later of two writes to one key.
 * Rows whose change somebody waits for are watched themselves, so whoever writes them writes nothing more.
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

/** A watch of some keys, and how it goes on now. */
interface Watch {
  readonly keys: readonly Key[];
  /** @param isFirst whether changes before this one may have been missed */
  readonly told: (entries: readonly Deno.KvEntryMaybe<unknown>[], isFirst: boolean) => void;
  stream: ReadableStreamDefaultReader | null;
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
  const watches = new Watches(kv, random);
  const write = (channel: string) => kv.set(bell(channel), encoder.encode(own));
  let rings = new Rings(write);

  function listenTo(channels: readonly string[], heard: (channel: string) => void): void {
    let seen: readonly (string | null)[] = [];
    watches.begin(channels.map(bell), (entries, isFirst) => {
      const before = seen;
      seen = entries.map(({ versionstamp }) => versionstamp);
      channels.forEach((channel, i) => {
        if (!isFirst && before[i] === seen[i]) return;
        if (isFirst || decoder.decode(entries[i]!.value as Uint8Array) !== own) heard(channel);
      });
    });
  }

  return {
    ring: (channel) => rings.ring(channel),

    listen(channels, heard) {
      for (let at = 0; at < channels.length; at += WATCH_KEYS) {
        listenTo(channels.slice(at, at + WATCH_KEYS), heard);
      }
    },

    watch: (keys, told) =>
      watches.begin(keys, (entries) => told(entries.map(({ versionstamp }) => versionstamp))),

    moveTo(database) {
      kv = database;
      // Rings on their way over the former connection may never be answered.
      rings = new Rings(write);
      watches.moveTo(database);
    },
  };
}

/** All watches, through the current connection. */
class Watches {
  #all = new Set<Watch>();
  #kv: Deno.Kv;

  constructor(kv: Deno.Kv, readonly random: () => number) {
    this.#kv = kv;
  }

  /** @returns ends the watch */
  begin(keys: readonly Key[], told: Watch["told"]): () => void {
    const watch: Watch = { keys, told, stream: null };
    this.#all.add(watch);
    this.#follow(watch);
    return () => {
      this.#all.delete(watch);
      watch.stream?.cancel().catch(() => {});
    };
  }

  moveTo(kv: Deno.Kv): void {
    this.#kv = kv;
    for (const watch of this.#all) this.#follow(watch);
  }

  async #follow(watch: Watch): Promise<void> {
    const kv = this.#kv;
    while (kv === this.#kv && this.#all.has(watch)) {
      try {
        const stream = watch.stream = kv.watch<unknown[]>([...watch.keys]).getReader();
        for (let isFirst = true;; isFirst = false) {
          const { done, value } = await stream.read();
          if (done) break;
          watch.told(value, isFirst);
        }
      } catch (error) {
        if (brokenHint(error)) return;
      }
      if (this.#all.has(watch)) await pause(RESTART * this.random());
    }
  }
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
