/**
 * How long one large chord takes, beside bare commits of its rows; how many tasks a second go all the way in workflows,
 * beside as many plain tasks; and how often two queues that settle one chord get in each other's way.
 *
 * @module
 */
import { z } from "zod";
import {
  type AnyTaskDefinition,
  chain,
  chord,
  createQueue,
  defineTask,
  group,
  memoryStore,
  type Queue,
  type Store,
  type WorkflowNode,
} from "../queue/mod.ts";
import { add, Engine, processorTime } from "./engine.ts";
import { rawChord } from "./raw_chord.ts";
import type { Figures, ScenarioMaker, Variant } from "./scenario.ts";
import { median } from "./statistics.ts";
import { BATCH, SLOTS } from "./workload.ts";

const TASKS = 21_000;
const CHAIN = 3;
const MEMBERS = 1_000;
/** Chords of a measurement, one after the other. */
const CHORDS = 10;
/** Chords before those: the code is compiled by then. */
const WARM = 2;

const count = defineTask(
  { name: "bench.count", args: z.tuple([z.array(z.int())]), channel: add.channel! },
  (_context, list) => list.length,
);

const members = Array.from({ length: MEMBERS }, (_, i) => add.s(i, 1));

/** The scenario `workflows`. */
export const workflows: ScenarioMaker = (workplace) => {
  const of = (name: string, size: number, node: WorkflowNode, bodies: 0 | 1, submits: number): Variant => ({
    name,
    measure: () => throughput(workplace.file(), TASKS / size, size, node, bodies, submits),
  });
  const ratio = (name: string) => ({
    name: `${name} / plain`,
    of: `${name}: tasks/s`,
    to: "plain tasks: tasks/s",
  });
  return {
    method:
      `one chord: milliseconds from the call that submits one of ${MEMBERS}, with ${SLOTS} slots and nothing else to do, ` +
      `until its body's result is read, ${CHORDS} one after the other; raw chord: the same rows by bare commits. ` +
      `Its commits, mutations and checks are counted; µs/task: processor time of the whole process. ` +
      `The others: ${TASKS} tasks, ${SLOTS} slots, until every result is stored: plain ones in batches of ${BATCH}; chains ` +
      `of ${CHAIN}, 64 submits at once; groups and chords (with one body more) of ${MEMBERS}, 4 at once. two queues: ` +
      `one chord of ${MEMBERS} over one store in memory, half of it running in each, all ending at once.`,
    variants: [
      { name: "raw chord", measure: () => rawChords(workplace.file()) },
      { name: "one chord", measure: () => chords(workplace.file()) },
      { name: "plain tasks", measure: () => plain(workplace.file()) },
      of(`chains of ${CHAIN}`, CHAIN, chain(add.s(1, 2), add.s(3), add.s(4)), 0, 64),
      of(`groups of ${MEMBERS}`, MEMBERS, group(members), 0, 4),
      of(`chords of ${MEMBERS}`, MEMBERS, chord(members, count.s()), 1, 4),
      { name: "two queues", measure: settleTogether },
    ],
    ratios: [
      { name: "one chord / raw chord", of: "one chord: ms", to: "raw chord: ms" },
      ...[`chains of ${CHAIN}`, `groups of ${MEMBERS}`, `chords of ${MEMBERS}`].map(ratio),
    ],
  };
};

async function rawChords(path: string): Promise<Figures> {
  using kv = await Deno.openKv(path);
  const times: number[] = [];
  for (let i = 0; i < WARM + CHORDS; i++) {
    const start = performance.now();
    await rawChord(kv, i, MEMBERS, SLOTS);
    times.push(performance.now() - start);
  }
  return timesOf(times);
}

async function chords(path: string): Promise<Figures> {
  const made = { commits: 0, mutations: 0, checks: 0 };
  const counted = (inner: Store): Store => ({
    ...inner,
    commit(checks, mutations) {
      made.commits++;
      made.mutations += mutations.length;
      made.checks += checks.length;
      return inner.commit(checks, mutations);
    },
  });
  const engine = await Engine.open(path, SLOTS, [count], counted);
  const { queue } = engine;
  await queue.start();
  const times: number[] = [];
  let cpu = 0;
  for (let i = 0; i < WARM + CHORDS; i++) {
    if (i === WARM) {
      Object.assign(made, { commits: 0, mutations: 0, checks: 0 });
      cpu = processorTime();
    }
    const start = performance.now();
    const { workflow } = await queue.submitWorkflow(chord(members, count.s()));
    const { result } = await queue.wait(workflow.resultId);
    times.push(performance.now() - start);
    if (result !== MEMBERS) throw new Error(`The body got ${result} results, not ${MEMBERS}`);
  }
  const used = processorTime() - cpu;
  const each = Object.entries(made).map(([name, sum]) => [name, sum / CHORDS]);
  await engine.close((WARM + CHORDS) * MEMBERS);
  return { ...timesOf(times), "µs/task": used / (CHORDS * (MEMBERS + 1)), ...Object.fromEntries(each) };
}

function timesOf(times: readonly number[]): Figures {
  const measured = times.slice(WARM);
  return { ms: median(measured), "max ms": Math.max(...measured) };
}

async function plain(path: string): Promise<Figures> {
  const engine = await Engine.open(path, SLOTS);
  await engine.queue.start();
  const [start, cpu] = [performance.now(), processorTime()];
  await Promise.all([engine.reach(TASKS), engine.submitBatches(TASKS, BATCH)]);
  const seconds = (performance.now() - start) / 1000;
  const used = processorTime() - cpu;
  await engine.close(TASKS);
  return { "tasks/s": TASKS / seconds, "µs/task": used / TASKS };
}

/** @param size tasks of a workflow, its body not counted */
async function throughput(
  path: string,
  workflows: number,
  size: number,
  node: WorkflowNode,
  bodies: 0 | 1,
  submits: number,
): Promise<Figures> {
  const engine = await Engine.open(path, SLOTS, [count]);
  await engine.queue.start();
  const [start, cpu] = [performance.now(), processorTime()];
  let next = 0;
  const submitter = async () => {
    while (next++ < workflows) await engine.queue.submitWorkflow(node);
  };
  const all = workflows * (size + bodies);
  await Promise.all([engine.reach(all), ...Array.from({ length: submits }, submitter)]);
  const seconds = (performance.now() - start) / 1000;
  const used = processorTime() - cpu;
  await engine.close(workflows * size);
  return { "tasks/s": all / seconds, "workflows/s": workflows / seconds, "µs/task": used / all };
}

/** Half of a chord's members run in each of two queues, and end at one moment. */
async function settleTogether(): Promise<Figures> {
  const gate = Promise.withResolvers<void>();
  let running = 0;
  const all = Promise.withResolvers<void>();
  const held = defineTask({ name: "bench.held", args: z.tuple([z.int()]) }, async (_context, i) => {
    if (++running === MEMBERS) all.resolve();
    await gate.promise;
    return i;
  });
  const body = defineTask(
    { name: "bench.body", args: z.tuple([z.array(z.int())]) },
    (_context, list) => list.length,
  );
  const commits = { settling: 0, refused: 0 };
  const store = counting(memoryStore(), commits);
  const open = (definitions: AnyTaskDefinition[]): Queue =>
    createQueue({ store, definitions, channels: { default: MEMBERS / 2 } });
  const queues = [open([held, body]), open([held, body])];
  await Promise.all(queues.map((queue) => queue.start()));
  const header = Array.from({ length: MEMBERS }, (_, i) => held.s(i));
  const { workflow: { id } } = await queues[0]!.submitWorkflow(chord(header, body.s()));
  await all.promise;
  [commits.settling, commits.refused] = [0, 0];
  gate.resolve();
  const { result } = await queues[0]!.waitWorkflow(id);
  await Promise.all(queues.map((queue) => queue.stop()));
  store.close();
  if (result !== MEMBERS) throw new Error(`The body got ${result} results, not ${MEMBERS}`);
  return { "settling commits": commits.settling, "refused %": commits.refused / commits.settling * 100 };
}

/** Counts the commits that end members, or fire a group, and those of them that a check refused. */
function counting(inner: Store, commits: { settling: number; refused: number }): Store {
  return {
    ...inner,
    async commit(checks, mutations) {
      const settles = mutations.some(({ type, key }) =>
        type === "delete" && key[1] === "open" || type === "set" && key[1] === "group"
      );
      const answer = await inner.commit(checks, mutations);
      if (settles) {
        commits.settling++;
        if (answer === null) commits.refused++;
      }
      return answer;
    },
  };
}
