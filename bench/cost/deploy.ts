/**
 * The operations that an app on Deno Deploy asks of its managed KV: an instance that works on demand, with the minute's
 * tick, while so many tasks a day are submitted at random moments.
 *
 * @module
 */
import { z } from "zod";
import { createQueue, defineTask, memoryStore, sleep } from "../../queue/mod.ts";
import { FakeClock, SERVER_LIMITS } from "../inside.ts";
import { Dice, seedIds } from "../../tests/support/dice.ts";
import { whenMoved } from "../../tests/support/when_moved.ts";
import { countedStore, noOperations, type Operations } from "../counted_store.ts";
import { distantStore } from "../scaling/distant_store.ts";
import { minus } from "./lives.ts";

const DAY = 86_400_000;
const MINUTE = 60_000;
/** Milliseconds from the region of the database to it, there and back. */
const LATENCY = 10;

/** What a day asks for, and tasks of it, from a span that is long enough to tell. */
export async function costOfDay(tasksADay: number, minutes: number, seed: number): Promise<Operations> {
  const dice = new Dice(seed);
  using _ids = seedIds(dice.fork());
  const clock = new FakeClock();
  const count = noOperations();
  const store = memoryStore({ limits: SERVER_LIMITS });
  const add = defineTask({ name: "add", args: z.tuple([z.number(), z.number()]) }, (_context, x, y) => x + y);
  const queue = createQueue({
    store: distantStore(countedStore(store, count), clock, LATENCY, dice.fork()),
    definitions: [add],
    channels: { default: 16 },
    onDemand: true,
    clock,
    random: dice.fork().next,
  });
  await whenMoved(clock, queue.start());
  const begin = clock.monotonic();
  const before = { ...count };
  const left = () => begin + minutes * MINUTE - clock.monotonic();
  const ticks = async () => {
    for (let minute = 0; minute < minutes; minute++) {
      await sleep(clock, begin + minute * MINUTE - clock.monotonic());
      await queue.tick({ seconds: 50 });
    }
  };
  const submissions = async () => {
    for (;;) {
      const pause = tasksADay === 0 ? Infinity : dice.wait(DAY / tasksADay);
      if (pause >= left()) return;
      await sleep(clock, pause);
      await queue.submit(add, [1, 2]);
    }
  };
  await whenMoved(clock, Promise.all([ticks(), submissions(), sleep(clock, left())]));
  const found = minus(count, before);
  await whenMoved(clock, queue.stop(0));
  store.close();
  const scale = DAY / MINUTE / minutes;
  const entries = Object.entries(found) as [keyof Operations, number][];
  return Object.fromEntries(entries.map(([name, value]) => [name, value * scale])) as unknown as Operations;
}
