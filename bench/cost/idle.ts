/**
 * The operations that processes ask of a KV server while there is nothing to do: heartbeats, polls and sweeps.
 *
 * @module
 */
import { createQueue, memoryStore } from "../../queue/mod.ts";
import { FakeClock, SERVER_LIMITS } from "../inside.ts";
import { whenMoved } from "../../tests/support/when_moved.ts";
import { countedStore, noOperations, type Operations } from "../counted_store.ts";
import { minus } from "./lives.ts";

/** Milliseconds until all know of each other and poll as seldom as they do at rest. */
const SETTLED = 20_000;
/** Milliseconds that are counted: a whole number of all the periods. */
const COUNTED = 60_000;

/** Channels that each executes: as many as the default settings name. */
const CHANNELS = 8;

/** Operations of one of so many processes in an hour at rest. */
export async function costOfRest(processes: number): Promise<Operations> {
  const clock = new FakeClock();
  const count = noOperations();
  const store = memoryStore({ limits: SERVER_LIMITS });
  const queues = Array.from(
    { length: processes },
    () =>
      createQueue({
        store: countedStore(store, count),
        definitions: [],
        channels: Object.fromEntries(Array.from({ length: CHANNELS }, (_, n) => [`channel-${n}`, 4])),
        clock,
        random: () => 0.5,
      }),
  );
  await whenMoved(clock, Promise.all(queues.map((queue) => queue.start())));
  await clock.advance(SETTLED);
  const before = { ...count };
  await clock.advance(COUNTED);
  const found = minus(count, before);
  await whenMoved(clock, Promise.all(queues.map((queue) => queue.stop(0))));
  store.close();
  const scale = 3_600_000 / COUNTED / processes;
  const entries = Object.entries(found) as [keyof Operations, number][];
  return Object.fromEntries(entries.map(([name, value]) => [name, value * scale])) as unknown as Operations;
}
