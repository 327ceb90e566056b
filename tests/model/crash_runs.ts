/**
 * Simulated crash runs: a few processes over one store work off what clients submit, while they are killed between any
 * two calls to the store, suspended, and their clocks leap, and while calls to the store fail, are answered late or
 * wrongly, repeated and overtaken. Afterwards everything that was accepted must have ended, once.
 *
 * ```sh
 * deno run -A tests/model/crash_runs.ts --runs 10000 --seed 1
 * ```
 *
 * Everything is drawn from the seed: a run that broke a law is repeated by `--runs 1 --seed` and the seed it names.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a program's terminal
import { parseArgs } from "node:util";
import { isFinal } from "../../queue/mod.ts";
import { Dice, seedIds } from "../support/dice.ts";
import { brokenLaws } from "../support/invariants.ts";
import { type FaultCounts, RANDOM_FAULTS, RandomFaults } from "../support/random_faults.ts";
import { rowsOf } from "../support/rows.ts";
import { Clients, crashTasks, EFFECT } from "./crash_tasks.ts";
import { Time } from "./time.ts";
import { type Process, World } from "./world.ts";

/** What was tried, and what came of it. */
export interface CrashRuns {
  runs: number;
  /** Processes that were killed, suspended, and whose clocks were set. */
  kills: number;
  suspensions: number;
  jumps: number;
  /** Tasks that a client was told of, and those of them that have ended. */
  accepted: number;
  final: number;
  /** Tasks whose effects were stored twice, or that ended twice. */
  settledTwice: number;
  /** Tasks, accepted or not, that had not ended when nothing more was in the way. */
  stuck: number;
  /** How often each fault happened to a call. */
  injected: FaultCounts;
  /** One sentence for each broken law, with the seed of its run. */
  broken: string[];
}

/** Milliseconds in which things go wrong. */
const TROUBLE = 20_000;
/** Milliseconds after which what has not ended is stuck. */
const PATIENCE = 180_000;
const FAULT_RATES = { commits: 0.15, reads: 0.01 };
const MOST_KILLS = 4;

/** Makes so many runs, each from a seed of its own: `seed`, `seed + 1`, … */
export async function simulateCrashes({ runs, seed }: { runs: number; seed: number }): Promise<CrashRuns> {
  const sum: CrashRuns = {
    runs: 0,
    kills: 0,
    suspensions: 0,
    jumps: 0,
    accepted: 0,
    final: 0,
    settledTwice: 0,
    stuck: 0,
    injected: Object.fromEntries(RANDOM_FAULTS.map((fault) => [fault, 0])) as FaultCounts,
    broken: [],
  };
  for (; sum.runs < runs; sum.runs++) await new CrashRun(seed + sum.runs, sum).run();
  return sum;
}

/** One run. */
class CrashRun {
  readonly dice: Dice;
  readonly time = new Time();
  readonly faults: RandomFaults;
  readonly world: World;
  /** Most milliseconds by which machines' wall clocks differ from the time. */
  readonly #skew: number;

  constructor(readonly seed: number, readonly sum: CrashRuns) {
    const dice = this.dice = new Dice(seed);
    this.faults = new RandomFaults(dice, FAULT_RATES, this.time);
    this.world = new World({
      time: this.time,
      dice,
      limits: dice.pick([{}, { checks: 10, lanes: 8 }]),
      connect: (store) => this.faults.wrap(store),
      restart: () => this.#start(),
      queue: { definitions: crashTasks(dice), channels: { default: dice.between(1, 4) } },
    });
    this.#skew = dice.pick([0, 2000, 30_000]);
  }

  async run(): Promise<void> {
    using _ids = seedIds(this.dice);
    const { world, dice, sum } = this;
    const width = dice.between(1, 3);
    for (let n = 0; n < width; n++) this.#start();
    const clients = new Clients(world, dice);
    await this.time.settle();
    await this.time.advance(TROUBLE);
    this.#calm();
    let left = PATIENCE;
    for (; left > 0 && (clients.waiting || this.#open().length > 0); left -= 500) {
      await this.time.advance(500);
    }
    await this.#judge(clients);
    sum.kills += world.kills;
    for (const fault of RANDOM_FAULTS) sum.injected[fault] += this.faults.injected[fault];
    for (const process of [...world.processes]) process.machine.kill();
  }

  /** A process that may be killed, suspended, and have its clock set, each at a moment of its own. */
  #start(): void {
    const { world, dice } = this;
    const process = world.start(dice.between(-this.#skew, this.#skew));
    const { machine } = process;
    const moment = () => ({ call: dice.between(1, 200), moment: dice.pick(["before", "after"] as const) });
    if (dice.chance(0.7)) machine.appoint({ ...moment(), act: () => this.#kill(process) });
    if (dice.chance(0.2)) machine.appoint({ ...moment(), act: () => this.#suspend(process) });
    if (dice.chance(0.3)) machine.appoint({ ...moment(), act: () => this.#jump(process) });
  }

  /** It is gone, and another comes some time later. */
  #kill(process: Process): void {
    const { world, dice } = this;
    if (world.kills >= MOST_KILLS || !this.faults.active) return;
    world.kill(process);
    this.time.after(dice.between(0, 6000), () => this.#start());
  }

  #suspend({ machine }: Process): void {
    if (!this.faults.active) return;
    this.sum.suspensions++;
    machine.suspend();
    const slept = this.dice.chance(0.5);
    this.time.after(this.dice.between(500, 25_000), () => machine.resume(slept));
  }

  #jump({ machine }: Process): void {
    if (!this.faults.active) return;
    this.sum.jumps++;
    const far = this.dice.chance(0.3) ? 3_600_000 : 20_000;
    machine.jump(this.dice.between(-far, far));
  }

  /** Nothing goes wrong any more, and the clocks are set right: to the latest that any of them has shown. */
  #calm(): void {
    this.faults.active = false;
    this.world.correctClocks();
  }

  #open(): string[] {
    return [...this.world.history.records.values()].filter(({ state }) => !isFinal(state)).map(({ id }) =>
      id
    );
  }

  async #judge(clients: Clients): Promise<void> {
    const { world: { history, store, ledger, finished }, sum } = this;
    const open = new Set(this.#open());
    const effects = new Map<string, number>();
    for (const { key } of await rowsOf(store, undefined, EFFECT)) {
      effects.set(String(key[1]), (effects.get(String(key[1])) ?? 0) + 1);
    }
    const broken = [
      ...history.broken,
      ...ledger.broken(history.records),
      ...await brokenLaws(store, undefined, this.world.options.queue.definitions),
    ];
    if (clients.waiting) broken.push("A client has had no answer");
    for (const record of history.records.values()) {
      const { id, state } = record;
      const stored = effects.get(id) ?? 0;
      if (ledger.accepted(record)) {
        sum.accepted++;
        if (!open.has(id)) sum.final++;
      }
      if (stored > 1 || (finished.get(id) ?? 0) > 1) sum.settledTwice++;
      if (open.has(id)) {
        sum.stuck++;
        broken.push(`Task ${id} is still ${state}`);
      } else if (stored !== (state === "SUCCESS" ? 1 : 0)) {
        broken.push(`Task ${id} is ${state}, and its effects were stored ${stored} times (invariant 5)`);
      }
    }
    sum.broken.push(...broken.map((sentence) => `seed ${this.seed}: ${sentence}`));
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "10000" },
      seed: { type: "string", default: "1" },
    },
  });
  const found = await simulateCrashes({ runs: Number(values.runs), seed: Number(values.seed) });
  const { injected, broken, ...counts } = found;
  console.table({ ...counts, seed: values.seed });
  console.table(injected);
  for (const sentence of broken) console.error(sentence);
  Deno.exit(broken.length > 0 ? 1 : 0);
}
