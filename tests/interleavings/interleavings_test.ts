/**
 * Whatever the order in which the store calls of two operations on one task come, and of three where each two share a
 * key: the laws hold, everything comes to rest, the task ends once, and what the operations answer and lead to is what
 * one after the other would have.
 *
 * The suite tries the first few orders of each pair, which are all of most pairs. `deno task interleavings` tries the
 * first 50 of each pair and triple with either limit of checks, and prints how many there were. For more, set
 * `SLUICE_ORDERS` (`all`: every order) before `deno test -P=test tests/interleavings`; `SLUICE_VERBOSE=1` prints a table.
 */
import assert from "node:assert/strict";
import { meet } from "./meeting.ts";
import { type Operation, type Scene, SCENES } from "./scenes.ts";

const ASKED = Deno.env.get("SLUICE_ORDERS");
/** Orders of one meeting that are tried. */
const MOST = ASKED === undefined ? 3 : ASKED === "all" ? Infinity : Number(ASKED);
const VERBOSE = Deno.env.get("SLUICE_VERBOSE") === "1";

const totals = { pairs: 0, triples: 0, exhausted: 0, orders: 0, redundant: 0, failed: 0 };

for (const checks of ASKED === undefined ? [10] : [10, 100]) {
  for (const scene of SCENES) {
    Deno.test(`any order of calls of two operations on what is ${scene.name} (${checks} checks)`, async () => {
      const sharing = new Set<string>();
      const failures: unknown[] = [];
      for (const pair of pairsOf(scene)) {
        totals.pairs++;
        if (await tried(scene, pair, checks, failures) > 1) sharing.add(nameOf(pair));
      }
      if (ASKED !== undefined) {
        for (const three of triplesOf(scene, sharing)) {
          totals.triples++;
          await tried(scene, three, checks, failures);
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, `${failures.length} meetings failed`);
      assert(sharing.size > 0, "No two operations share a key");
    });
  }
}

Deno.test("the orders that were tried are counted", async (t) => {
  const { pairs, triples, exhausted, orders, redundant, failed } = totals;
  const line =
    `${orders} orders of ${pairs} pairs and ${triples} triples, ${exhausted} of them in all their orders, ` +
    `${redundant} orders given up as told before; ${failed} failed`;
  await t.step(line, () => assert(orders >= pairs + triples - failed));
});

/** Tries the orders of a meeting, up to the first that fails. @returns how many did not */
async function tried(
  scene: Scene,
  operations: readonly Operation[],
  checks: number,
  failures: unknown[],
): Promise<number> {
  try {
    const { orders, redundant, steps, exhausted } = await meet(scene, operations, { checks, most: MOST });
    totals.orders += orders;
    totals.redundant += redundant;
    if (exhausted) totals.exhausted++;
    if (VERBOSE) {
      const count = `${orders}${exhausted ? "" : "+"}`.padStart(7);
      print(
        `${count} orders of up to ${String(steps).padStart(2)} steps  ${scene.name}: ${nameOf(operations)}`,
      );
    }
    return orders;
  } catch (error) {
    totals.failed++;
    failures.push(error);
    return 0;
  }
}

/** Every two of a scene's operations, and each with itself in another process. */
function pairsOf({ operations }: Scene): Operation[][] {
  return operations.flatMap((one, n) =>
    operations.slice(n).filter((other) => other !== one || one.by === undefined).map((other) => [one, other])
  );
}

/** Every three of which each two share a key. */
function triplesOf({ operations }: Scene, sharing: ReadonlySet<string>): Operation[][] {
  const triples = operations.flatMap((one, i) =>
    operations.slice(i + 1).flatMap((two, j) => operations.slice(i + j + 2).map((three) => [one, two, three]))
  );
  return triples.filter((three) =>
    three.every((one) => sharing.has(nameOf(three.filter((other) => other !== one))))
  );
}

function nameOf(operations: readonly Operation[]): string {
  return operations.map(({ name }) => name).join(" + ");
}

function print(line: string): void {
  // deno-lint-ignore no-console -- the counts are what is asked for
  console.log(line);
}
