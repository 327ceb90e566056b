/**
 * Operations that meet on a scene, and the outcome of each order of their store calls.
 *
 * @module
 */
import assert from "node:assert/strict";
import { explore, type Explored, type Footprint, type Trial } from "./explore.ts";
import type { Operation, Scene } from "./scenes.ts";
import { type Actor, Stage } from "./stage.ts";

/** What an order led to: each operation's answer, and how every task has ended. */
type Outcome = string;

/** One start of the scene with its operations about to begin. */
class Meeting implements Trial {
  #waiting: Map<string, { operation: Operation; actor: Actor }>;
  #answers = new Map<string, Promise<string>>();

  private constructor(
    readonly stage: Stage,
    readonly told: (outcome: Outcome, order: readonly string[]) => void,
    parties: readonly { operation: Operation; actor: Actor }[],
  ) {
    this.#waiting = new Map(parties.map((party, n) => [`${n + 1}: ${party.operation.name}`, party]));
  }

  static async begin(
    scene: Scene,
    operations: readonly Operation[],
    checks: number,
    told: (outcome: Outcome, order: readonly string[]) => void,
  ): Promise<Meeting> {
    const stage = new Stage(checks);
    for (const options of scene.actors) await stage.start(options);
    const parties: { operation: Operation; actor: Actor }[] = [];
    for (const operation of operations) {
      const actor = operation.by === undefined
        ? await stage.start(operation.options)
        : stage.actors[operation.by]!;
      parties.push({ operation, actor });
    }
    await scene.prepare?.(stage);
    for (const { operation, actor } of parties) await operation.before?.(stage, actor);
    for (const { gate } of stage.actors) gate.close();
    return new Meeting(stage, told, parties);
  }

  steps(): Map<string, Footprint> {
    const steps = new Map<string, Footprint>();
    for (const { gate } of this.stage.actors) if (gate.next) steps.set(gate.process, gate.next);
    for (const [name, { actor }] of this.#waiting) {
      steps.set(name, { process: actor.name, reads: [], writes: [] });
    }
    return steps;
  }

  async take(thread: string): Promise<void> {
    const party = this.#waiting.get(thread);
    if (party) {
      const { operation, actor } = party;
      this.#waiting.delete(thread);
      this.#answers.set(thread, answerOf(Promise.resolve(operation.begin?.(this.stage, actor))));
      if (operation.after !== undefined) await actor.clock.advance(operation.after);
    } else await this.stage.actors.find(({ name }) => name === thread)!.gate.letThrough();
    await this.stage.quiet();
  }

  async end(order: readonly string[], complete: boolean): Promise<void> {
    try {
      const tasks = await this.stage.rest();
      const answers = await Promise.all(
        [...this.#answers].sort().map(async ([name, answer]) => `${name} → ${await answer}`),
      );
      if (complete) this.told([...answers, ...tasks].join("; "), order);
    } catch (error) {
      (error as Error).message += `\nin the order ${order.join(", ")}`;
      throw error;
    }
  }
}

/** What a call was answered, in a word. */
async function answerOf(call: Promise<unknown>): Promise<string> {
  try {
    return String(await call);
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** Takes one operation after the other, in every order of them: what each of these leads to. */
async function oneByOne(
  scene: Scene,
  operations: readonly Operation[],
  checks: number,
): Promise<Set<Outcome>> {
  const outcomes = new Set<Outcome>();
  const numbers = operations.map((_, n) => n);
  for (const order of permutations(numbers)) {
    const meeting = await Meeting.begin(scene, operations, checks, (outcome) => outcomes.add(outcome));
    const taken: string[] = [];
    const take = async (thread: string) => {
      taken.push(thread);
      await meeting.take(thread);
    };
    for (const n of order) {
      await take(`${n + 1}: ${operations[n]!.name}`);
      for (;;) {
        const next = [...meeting.steps().keys()].find((thread) => !thread.includes(":"));
        if (next === undefined) break;
        await take(next);
      }
    }
    await meeting.end(taken, true);
  }
  return outcomes;
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, n) => permutations(items.toSpliced(n, 1)).map((rest) => [item, ...rest]));
}

/** Explores all orders: each leads to what one of the operations after the other would have led to. */
export async function meet(
  scene: Scene,
  operations: readonly Operation[],
  { checks, most = Infinity, reduce = true }: { checks: number; most?: number; reduce?: boolean },
): Promise<Explored & { outcomes: ReadonlySet<Outcome> }> {
  const expected = await oneByOne(scene, operations, checks);
  const outcomes = new Set<Outcome>();
  const explored = await explore(
    () =>
      Meeting.begin(scene, operations, checks, (outcome, order) => {
        outcomes.add(outcome);
        assert(
          expected.has(outcome) || isAlso(scene, operations, outcome),
          `No order of ${operations.map(({ name }) => name).join(" and ")} leads to\n  ${outcome}\nas did ` +
            `${order.join(", ")}\nbut only to\n  ${[...expected].join("\n  ")}`,
        );
      }),
    { most, reduce },
  );
  return { ...explored, outcomes };
}

function isAlso({ also = [] }: Scene, operations: readonly Operation[], outcome: Outcome): boolean {
  const names = new Set(operations.map(({ name }) => name));
  return also.some(({ of, outcome: may }) => of.every((name) => names.has(name)) && may.test(outcome));
}
