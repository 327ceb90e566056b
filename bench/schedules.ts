/**
 * A thousand schedules of one second, which must fire each second once while two schedulers race for them.
 *
 * @module
 */
import { createQueue, openStore, type Queue, type QueueEvent } from "../queue/mod.ts";
import { decode, type OccurrenceRow } from "./inside.ts";
import { expectDone } from "./census.ts";
import { add, processorTime } from "./engine.ts";
import { pause } from "./pause.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";
import { latencies } from "./statistics.ts";

const SCHEDULES = 1000;
const SECONDS = 60;
/** Milliseconds from the creation of the last schedule to the first occurrence. */
const LEAD = 1000;
/** Milliseconds after the last occurrence within which all must be done. */
const GRACE = 30_000;

/** The scenario `schedules`. */
export const schedules: ScenarioMaker = (workplace) => ({
  method:
    `${SCHEDULES} schedules of one second for ${SECONDS} s, two queues on one store that both fire them while one ` +
    "executes, 100 slots; spread: each at its own millisecond of the second; together: all at the same one. " +
    "Counted in the database afterwards.",
  variants: [
    { name: "spread", measure: () => race(workplace.file(), (n) => n % 1000) },
    { name: "together", measure: () => race(workplace.file(), () => 0) },
  ],
  rounds: 1,
});

async function race(path: string, offset: (n: number) => number): Promise<Figures> {
  const store = await openStore(path);
  const wins = [0, 0];
  let finished = 0;
  const faults: string[] = [];
  const note = (event: QueueEvent, queue: number) => {
    if (event.type === "submitted") wins[queue]!++;
    if (event.type === "finished") finished++;
    if (event.type === "fault") faults.push(`${event.message}: ${event.error}`);
  };
  const queues = [{ [add.channel!]: 100 }, {}].map((channels, i) =>
    createQueue({ store, definitions: [add], channels, onEvent: (event) => note(event, i) })
  );
  const first = Date.now() + LEAD + SCHEDULES;
  await createAll(queues[0]!, (n) => first + offset(n));
  await Promise.all(queues.map((queue) => queue.start()));
  const [begin, cpu] = [performance.now(), processorTime()];
  const expected = SCHEDULES * SECONDS;
  const end = first + SECONDS * 1000 + GRACE;
  while (finished < expected && Date.now() < end) await pause(100);
  const busy = (processorTime() - cpu) / 1000 / (performance.now() - begin);
  await Promise.all(queues.map((queue) => queue.stop()));
  store.close();
  if (faults.length > 0) throw new Error(`${faults.length} faults: ${faults.slice(0, 5).join("; ")}`);

  const { late, missing, twice, others } = await verdict(path, (n) => first + offset(n));
  await expectDone(path, add.name, expected);
  if (missing + twice + others > 0) {
    throw new Error(`${missing} occurrences are missing, ${twice} were fired twice, ${others} not submitted`);
  }
  return {
    "occurrences": late.length,
    "missing": missing,
    "twice": twice,
    "won by the first": wins[0]!,
    "won by the second": wins[1]!,
    ...latencies("late", late),
    "processors busy": busy,
  };
}

async function createAll(queue: Queue, startAt: (n: number) => number): Promise<void> {
  await Promise.all(Array.from({ length: SCHEDULES }, (_, n) =>
    queue.schedules.create({
      id: `s${n}`,
      task: { name: add.name, args: [n, 1] },
      trigger: { interval: 1 },
      startAt: startAt(n),
      endAt: startAt(n) + (SECONDS - 1) * 1000,
      // Two of one schedule may overlap when the machine is slow: no reason to skip one here.
      maxInstances: 100,
    })));
}

/** Reads the history of every schedule: each of its seconds must be there once, with its task. */
async function verdict(path: string, startAt: (n: number) => number) {
  using kv = await Deno.openKv(path);
  const seen = new Map<string, number>();
  const tasks = new Set<string>();
  const late: number[] = [];
  let others = 0;
  for await (const { key, value } of kv.list({ prefix: ["sluice", "occurrence"] }, { batchSize: 500 })) {
    const { plannedAt, outcome, taskId, lateBy } = decode<OccurrenceRow>(value);
    if (outcome !== "submitted" || taskId === null || tasks.has(taskId)) others++;
    else tasks.add(taskId);
    const moment = `${String(key[2])} ${plannedAt}`;
    seen.set(moment, (seen.get(moment) ?? 0) + 1);
    late.push(lateBy * 1000);
  }
  let missing = 0;
  for (let n = 0; n < SCHEDULES; n++) {
    for (let second = 0; second < SECONDS; second++) {
      if (!seen.has(`s${n} ${startAt(n) + second * 1000}`)) missing++;
    }
  }
  const twice = [...seen.values()].filter((count) => count > 1).length;
  return { late, missing, twice, others };
}
