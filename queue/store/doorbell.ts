/**
 * Wake-ups through Deno KV's own queue, where the store has one. A message is `{ sluice: namespace, channel }`.
 * Messages are hints: no task depends on one (invariant 8).
 *
 * @module
 */
import { brokenHint } from "./kv_errors.ts";
import type { Doorbell } from "./port.ts";

/** Milliseconds after which a message that no listener heard counts as lost; by then all consumers have polled. */
const LOST_AFTER = 2000;

/**
 * Makes the doorbell of a database, or `null` where it has no queue (a KV server, Deno Deploy). The probe is a commit
 * whose check cannot hold, so it leaves nothing behind.
 *
 * Listeners of one database share its messages out among them. A program that itself uses `listenQueue` on the same
 * database must therefore not make this doorbell.
 *
 * @param namespace messages of other namespaces are ignored
 * @throws the database's own error when it can serve no more
 */
export async function kvDoorbell(kv: Deno.Kv, namespace: string): Promise<Doorbell | null> {
  try {
    await kv.atomic().check({ key: ["__probe"], versionstamp: "f".repeat(20) }).enqueue(0).commit();
  } catch (error) {
    if (brokenHint(error)) throw error;
    return null;
  }
  /** By channel the message on its way: when it was sent, and the promise of its sending. */
  const outstanding = new Map<string, { readonly at: number; readonly sent: Promise<void> }>();
  /** The listeners share one `listenQueue`, so each of them hears every hint; two would share the hints out. */
  const listeners: ((channel: string) => void)[] = [];

  return {
    ring(channel) {
      const now = performance.now();
      const before = outstanding.get(channel);
      if (before && now - before.at < LOST_AFTER) return before.sent;
      const sent = kv.enqueue({ sluice: namespace, channel }).then(nothing, () => {
        outstanding.delete(channel);
      });
      outstanding.set(channel, { at: now, sent });
      return sent;
    },

    listen(channels, heard) {
      const own = new Set(channels);
      const listener = (channel: string) => own.has(channel) && heard(channel);
      if (listeners.push(listener) > 1) return;
      kv.listenQueue((message) => {
        const hint = message as { sluice?: unknown; channel?: unknown } | null;
        if (hint?.sluice !== namespace || typeof hint.channel !== "string") return;
        outstanding.delete(hint.channel);
        for (const listener of listeners) listener(hint.channel);
      }).catch(nothing);
    },
  };
}

/** Ignores an error: a lost hint costs a poll interval, and an error that broke the store shows in the next commit. */
function nothing(): void {}
