/**
 * A cluster in this process, by simulated time: so many workers, each the whole engine with a registration of its own,
 * on one store in memory that is 100 ms away. The same plan has the same outcome on every machine.
 *
 * @module
 */
import { z } from "zod";
import { createQueue, defineTask, memoryStore, type QueueEvent, sleep } from "../../queue/mod.ts";
import { FakeClock, SERVER_LIMITS } from "../inside.ts";
import { Dice, seedIds } from "../../tests/support/dice.ts";
import { whenMoved } from "../../tests/support/when_moved.ts";
import { countedStore, noOperations, type Operations } from "../counted_store.ts";
import { type Design, designed } from "./designs.ts";
import { distantStore } from "./distant_store.ts";

const CHANNEL = "celery";
/** Milliseconds that a task runs. */
const RUN = { least: 100, most: 300 } as const;
/** Priorities of the tasks: most of them are ordinary. */
const PRIORITIES = [9, 5, 5, 5, 5, 5, 5, 5, 5, 1] as const;
/** Milliseconds after which all workers know of each other. */
const ACQUAINTED = 8000;
/** Milliseconds of simulated time after which a plan counts as failed. */
const TOO_LONG = 600_000;

/** What is simulated. */
export interface Plan {
  readonly seed: number;
  readonly workers: number;
  /** Of each worker. @default {16} */
  readonly slots?: number;
  /** Tasks for each worker. */
  readonly tasks: number;
  /** So many of them a second for each worker, at random moments. @default {all at once} */
  readonly rate?: number;
  /** Milliseconds from a question to the store to its answer, by worker. @default {100} */
  readonly latency?: (worker: number) => number;
  /** @default {"shares"} */
  readonly design?: Design;
  /** Checks that a commit may hold. @default {a KV server's} */
  readonly checks?: number;
}

/** What a worker did. */
export interface Share {
  tasks: number;
  claims: number;
  lostClaims: number;
}

/** What happened. */
export interface Outcome {
  /** Seconds of simulated time from the first submission to the last end. */
  readonly seconds: number;
  readonly shares: readonly Share[];
  /** Seconds from the submission of each task to its start, by priority. */
  readonly waits: ReadonlyMap<number, readonly number[]>;
  /** What the workers asked of the store meanwhile. */
  readonly operations: Operations;
}

/** Simulates. */
export async function simulate(plan: Plan): Promise<Outcome> {
  const { seed, workers, slots = 16, rate, latency = () => 100, design = "shares" } = plan;
  const total = plan.tasks * workers;
  const dice = new Dice(seed);
  using _ids = seedIds(dice.fork());
  const clock = new FakeClock();
  const store = memoryStore({
    limits: { ...SERVER_LIMITS, checks: plan.checks ?? SERVER_LIMITS.checks },
    doorbell: true,
  });
  const operations = noOperations();
  const shares = Array.from({ length: workers }, (): Share => ({ tasks: 0, claims: 0, lostClaims: 0 }));
  const waits = new Map<number, number[]>();
  const priorities = new Map<string, number>();
  let finished = 0;
  const runs = dice.fork();
  const work = defineTask(
    { name: "work", args: z.tuple([]), channel: CHANNEL },
    () => sleep(clock, runs.between(RUN.least, RUN.most)),
  );
  const note = (worker: number, event: QueueEvent) => {
    if (event.type === "fault") reportError(new Error(event.message, { cause: event.error }));
    if (event.type === "finished") finished++;
    if (event.type === "claim") {
      shares[worker]!.claims++;
      if (!event.landed) shares[worker]!.lostClaims++;
    }
    if (event.type === "started") {
      shares[worker]!.tasks++;
      const priority = priorities.get(event.task.id)!;
      const found = waits.get(priority);
      if (found) found.push(event.waited);
      else waits.set(priority, [event.waited]);
    }
  };
  const open = (worker: number, channels: Record<string, number>, milliseconds: number) => {
    const far = distantStore(countedStore(store, operations), clock, milliseconds, dice.fork());
    return createQueue({
      store: designed(design, far, workers, worker, dice.fork()),
      definitions: [work],
      channels,
      clock,
      random: dice.fork().next,
      onEvent: (event) => note(worker, event),
    });
  };
  const cluster = Array.from({ length: workers }, (_, n) => open(n, { [CHANNEL]: slots }, latency(n)));
  const submitter = open(workers, {}, 0);
  await whenMoved(clock, Promise.all([...cluster, submitter].map((queue) => queue.start())));
  await clock.advance(ACQUAINTED);

  Object.assign(operations, noOperations());
  const begin = clock.monotonic();
  const chance = dice.fork();
  const request = () => ({ name: work.name, args: [], priority: chance.pick(PRIORITIES) });
  const submit = async () => {
    for (let n = 0; n < total;) {
      const size = rate === undefined ? Math.min(250, total - n) : 1;
      if (rate !== undefined) await sleep(clock, chance.wait(1000 / rate / workers));
      const { tasks } = await submitter.submitAll(Array.from({ length: size }, request));
      for (const { id, priority } of tasks) priorities.set(id, priority);
      n += size;
    }
  };
  const submitting = submit();
  while (finished < total) {
    if (clock.monotonic() - begin > TOO_LONG) {
      throw new Error(`Only ${finished} of ${total} tasks have ended`);
    }
    await clock.advance(10);
  }
  const outcome = {
    seconds: (clock.monotonic() - begin) / 1000,
    shares,
    waits,
    operations: { ...operations },
  };
  await submitting;
  await whenMoved(clock, Promise.all([...cluster, submitter].map((queue) => queue.stop(0))));
  store.close();
  return outcome;
}
