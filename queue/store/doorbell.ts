/**
 * Wake-ups through Deno KV's own queue, where the store has one. A message is `{ sluice: namespace, channel }`; it is a
 * hint and nothing hangs on it (invariant 8).
 *
 * @module
 */
import { brokenHint } from "./kv_errors.ts";
import type { Doorbell } from "./port.ts";

/**
 * Makes the doorbell of a database, or `null` where it has no queue (a KV server, Deno Deploy). The probe is a commit
 * whose check cannot hold, so it leaves nothing behind.
 *
 * Two listeners of one database share its messages: who uses `listenQueue` on the same database must not ask for this.
 *
 * @param namespace messages of another are ignored
 * @throws the database's own error when it can serve no more
 */
export async function kvDoorbell(kv: Deno.Kv, namespace: string): Promise<Doorbell | null> {
  try {
    await kv.atomic().check({ key: ["__probe"], versionstamp: "f".repeat(20) }).enqueue(0).commit();
  } catch (error) {
    if (brokenHint(error)) throw error;
    return null;
  }
  /** A ring on its way serves those who ring the same channel meanwhile. */
  const ringing = new Map<string, Promise<void>>();
  /** Everybody hears each hint; two `listenQueue` would share them out. */
  const listeners: ((channel: string) => void)[] = [];

  return {
    ring(channel) {
      let ring = ringing.get(channel);
      if (!ring) {
        ring = kv.enqueue({ sluice: namespace, channel }).then(nothing, nothing).finally(() => {
          ringing.delete(channel);
        });
        ringing.set(channel, ring);
      }
      return ring;
    },

    listen(heard) {
      if (listeners.push(heard) > 1) return;
      kv.listenQueue((message) => {
        const hint = message as { sluice?: unknown; channel?: unknown } | null;
        if (hint?.sluice !== namespace || typeof hint.channel !== "string") return;
        for (const listener of listeners) listener(hint.channel);
      }).catch(nothing);
    },
  };
}

/** A lost hint costs a poll interval; what broke the store shows in the next commit. */
function nothing(): void {}
