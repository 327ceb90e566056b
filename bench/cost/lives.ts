/**
 * The operations that a task asks of the store in its whole life, by kind of task. Counted on a store in memory with a
 * clock that stands still but for what the life needs: every run counts the same.
 *
 * @module
 */
import { z } from "zod";
import { chain, chord, createQueue, defineTask, group, memoryStore, type Queue } from "../../queue/mod.ts";
import { FakeClock, SERVER_LIMITS } from "../inside.ts";
import { whenMoved } from "../../tests/support/when_moved.ts";
import { countedStore, noOperations, type Operations } from "../counted_store.ts";

/** Where the store is: a file that only this process has open, or a server that others share. */
type Place = "file" | "server";

/** Members of the group, and of the chord's header. */
const MEMBERS = 10;
/** Tasks under load. */
const LOAD = 1000;
const CHANNEL = "celery";
const RETENTION = 86_400;

const numbers = z.tuple([z.number(), z.number()]);
const add = defineTask({ name: "add", args: numbers, channel: CHANNEL }, (_context, x, y) => x + y);
const fails = defineTask(
  { name: "again", args: numbers, channel: CHANNEL, maxRetries: 1, retry: { delay: 0.5, factor: 1 } },
  (context, x, y) => {
    // Without a stack: how long its lines are depends on the folder that this lies in.
    if (context.retries === 0) throw "no network";
    return x + y;
  },
);
const single = defineTask(
  { name: "single", args: numbers, channel: CHANNEL, concurrencyKey: (x) => `account-${x}` },
  (_context, x, y) => x + y,
);
const sum = defineTask(
  { name: "sum", args: z.tuple([z.array(z.number())]), channel: CHANNEL },
  (_context, values) => values.reduce((a, b) => a + b, 0),
);

interface Life {
  /** Tasks that it has. */
  readonly tasks: number;
  /** A schedule is due half a second after its beginning. */
  readonly isDue?: true;
  begin(queue: Queue, clock: FakeClock): Promise<unknown>;
}

const members = () => Array.from({ length: MEMBERS }, (_, n) => add.s(n, 1));

/** By name, as docs/scaling.md calls them. */
const LIVES: Readonly<Record<string, Life>> = {
  "plain": { tasks: 1, begin: (queue) => queue.submit(add, [1, 2]) },
  "with `Idempotency-Key`": {
    tasks: 1,
    begin: (queue) =>
      queue.submitAll([{ name: "add", args: [1, 2] }], {
        scope: "tasks",
        key: "01234567-89ab-cdef-0123-456789abcdef",
        fingerprint: "0123456789abcdef0123456789abcdef",
      }),
  },
  "delayed": { tasks: 1, begin: (queue) => queue.submit(add, [1, 2], { delay: 0.5 }) },
  "retried once": { tasks: 1, begin: (queue) => queue.submit(fails, [1, 2]) },
  "under a concurrency key": { tasks: 1, begin: (queue) => queue.submit(single, [1, 2]) },
  "an occurrence of a schedule": {
    tasks: 1,
    isDue: true,
    begin: () => Promise.resolve(),
  },
  "in a chain of 3": {
    tasks: 3,
    begin: (queue) => queue.submitWorkflow(chain(add.s(1, 2), add.s(3), add.s(4))),
  },
  [`in a group of ${MEMBERS}`]: {
    tasks: MEMBERS,
    begin: (queue) => queue.submitWorkflow(group(members())),
  },
  [`in a chord of ${MEMBERS} and its body`]: {
    tasks: MEMBERS + 1,
    begin: (queue) => queue.submitWorkflow(chord(members(), sum.s())),
  },
  [`plain, ${LOAD} submitted at once`]: {
    tasks: LOAD,
    begin: (queue) => Promise.all(Array.from({ length: LOAD }, (_, n) => queue.submit(add, [n, 1]))),
  },
};

/** Operations that a life asks for, its tasks together, and those that remove what is left of it after its retention. */
async function costOf(life: Life, place: Place): Promise<{ life: Operations; removal: Operations }> {
  const clock = new FakeClock();
  const count = noOperations();
  const store = memoryStore(place === "file" ? { incarnation: "only" } : { limits: SERVER_LIMITS });
  let finished = 0;
  const queue = createQueue({
    store: countedStore(store, count),
    definitions: [add, fails, single, sum],
    channels: { [CHANNEL]: 100 },
    clock,
    random: () => 0.5,
    resultTtl: RETENTION,
    onEvent: (event) => {
      if (event.type === "fault") reportError(new Error(event.message, { cause: event.error }));
      if (event.type === "finished") finished++;
    },
  });
  await whenMoved(clock, queue.start());
  const startAt = clock.now() + (life.isDue ? 12_600 : 10 * RETENTION * 1000);
  const trigger = { interval: 10 * RETENTION };
  await queue.schedules.create({ id: "nightly", task: { name: "add", args: [1, 2] }, trigger, startAt });
  // Just after a heartbeat: none falls into the life.
  await clock.advance(12_100);
  const before = { ...count };
  await life.begin(queue, clock);
  for (let waited = 0; finished < life.tasks; waited += 10) {
    if (waited > 2500) throw new Error(`Only ${finished} of ${life.tasks} tasks have ended`);
    await clock.advance(10);
  }
  await clock.settle();
  const lived = minus(count, before);

  // Retention looks through a table of ended tasks; what it looks at meanwhile is not the task's.
  const beats = async (milliseconds: number) => {
    const from = { ...count };
    await clock.skip(milliseconds);
    await clock.advance(20_000);
    return minus(count, from);
  };
  const removal = await beats(1.2 * RETENTION * 1000);
  const nothing = await beats(1.2 * RETENTION * 1000);
  await whenMoved(clock, queue.stop(0));
  store.close();
  return { life: lived, removal: minus(removal, nothing) };
}

/** docs/scaling.md's table: what a task costs by its life, on a file and on a server. */
export async function costTable(): Promise<string[]> {
  const lines = [
    "| a task | file: commits | rows | bytes | server: commits | rows | bytes | write units |",
    `|${" --- |".repeat(8)}`,
  ];
  for (const [name, life] of Object.entries(LIVES)) {
    const [file, server] = [await costOf(life, "file"), await costOf(life, "server")];
    const line = (name: string, file: Operations, server: Operations) => {
      const cells = [file, server].flatMap(({ commits, mutations, bytes }) => [commits, mutations, bytes]);
      const each = [...cells, server.writeUnits].map((count) => digits(count / life.tasks));
      lines.push(`| ${[name, ...each].join(" | ")} |`);
    };
    line(name, file.life, server.life);
    if (life.tasks === LOAD) line(`its removal, of ${LOAD}`, file.removal, server.removal);
  }
  return lines;
}

/** Two digits that mean something, or all before the point. */
function digits(count: number): string {
  return String(count >= 10 ? Math.round(count) : Number(count.toPrecision(2)));
}

/** One count less another. */
export function minus(count: Operations, before: Operations): Operations {
  const entries = Object.entries(count) as [keyof Operations, number][];
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value - before[name]]),
  ) as unknown as Operations;
}
