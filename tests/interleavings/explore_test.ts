/** The explorer: what the reduction leaves out leads to nothing else. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { explore, type Footprint, type Trial } from "./explore.ts";
import { meet } from "./meeting.ts";
import { SCENES } from "./scenes.ts";

/** A step of a made-up program: reads a cell, then writes what it has read so far, and who did it, to another. */
interface Step {
  readonly read: number;
  readonly write: number | null;
}

const CELLS = 3;
const range = (cell: number) => ({ from: String(cell), to: `${cell}\0` });

/** Threads that each take their steps over shared cells; the outcome tells all that each has read. */
class Program implements Trial {
  #cells = Array(CELLS).fill("");
  #seen: string[];
  #at: number[];

  constructor(readonly threads: readonly (readonly Step[])[], readonly outcomes: Set<string>) {
    this.#seen = threads.map(() => "");
    this.#at = threads.map(() => 0);
  }

  steps(): Map<string, Footprint> {
    const next = new Map<string, Footprint>();
    this.threads.forEach((steps, n) => {
      const step = steps[this.#at[n]!];
      if (!step) return;
      const writes = step.write === null ? [] : [String(step.write)];
      next.set(String(n), { process: String(n), reads: [range(step.read)], writes });
    });
    return next;
  }

  take(thread: string): Promise<void> {
    const n = Number(thread);
    const { read, write } = this.threads[n]![this.#at[n]!++]!;
    this.#seen[n] += `${this.#cells[read] || "-"} `;
    if (write !== null) this.#cells[write] = `${n}.${this.#at[n]}`;
    return Promise.resolve();
  }

  end(_order: readonly string[], complete: boolean): Promise<void> {
    if (complete) this.outcomes.add(JSON.stringify([this.#seen, this.#cells]));
    return Promise.resolve();
  }
}

const step = fc.record({ read: fc.nat(CELLS - 1), write: fc.option(fc.nat(CELLS - 1)) });
const threads = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 3 });

Deno.test("the reduction reaches every outcome of any program that all orders reach", async () => {
  let [reduced, all] = [0, 0];
  await fc.assert(
    fc.asyncProperty(threads, async (threads) => {
      fc.pre(threads.flat().length <= 9);
      const [few, every] = [new Set<string>(), new Set<string>()];
      const first = await explore(() => Promise.resolve(new Program(threads, few)));
      const second = await explore(() => Promise.resolve(new Program(threads, every)), { reduce: false });
      assert.deepEqual([...few].sort(), [...every].sort());
      reduced += first.orders;
      all += second.orders;
    }),
    { numRuns: 200, seed: 1 },
  );
  assert(reduced * 2 < all, `${reduced} of ${all} orders`);
});

Deno.test("two programs that share nothing have one order", async () => {
  const threads = [[{ read: 0, write: 0 }, { read: 0, write: 0 }], [{ read: 1, write: 1 }]];
  const { orders } = await explore(() => Promise.resolve(new Program(threads, new Set())));
  assert.equal(orders, 1);
});

Deno.test("the reduction reaches every outcome of two submissions with one key that all orders reach", async () => {
  const [scene] = SCENES;
  const pair = [scene!.operations[0]!, scene!.operations[1]!];
  const reduced = await meet(scene!, pair, { checks: 10 });
  const all = await meet(scene!, pair, { checks: 10, reduce: false, most: 1000 });
  assert(reduced.exhausted && all.exhausted);
  assert.deepEqual([...reduced.outcomes].sort(), [...all.outcomes].sort());
  assert(all.orders > 2 * reduced.orders, `${reduced.orders} of ${all.orders} orders`);
});
