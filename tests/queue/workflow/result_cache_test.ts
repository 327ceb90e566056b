/** The cache of results that later tasks of a workflow take. */
import assert from "node:assert/strict";
import type { TaskRecord } from "../../../queue/rows/record.ts";
import { Results } from "../../../queue/workflow/results.ts";

/** Keeps the result of a member of a group. */
function keep(results: Results, id: string, result: number): void {
  results.copy({ id, state: "SUCCESS", result, workflow: { group: "g" } } as unknown as TaskRecord)();
}

Deno.test("results are seen any number of times, and taken once", () => {
  const results = new Results();
  keep(results, "b", 2);
  keep(results, "a", 1);
  assert.deepEqual(results.peek("g", 2), [1, 2]);
  assert.deepEqual(results.peek("g", 2), [1, 2]);
  assert.deepEqual(results.take("g", 2), [1, 2]);
  assert.equal(results.peek("g", 2), null);
  assert.equal(results.take("g", 2), null);
});

Deno.test("results of another number than asked for are nobody's: a look leaves them, who takes drops them", () => {
  const results = new Results();
  keep(results, "a", 1);
  assert.equal(results.peek("g", 2), null);
  assert.deepEqual(results.peek("g", 1), [1]);
  assert.equal(results.take("g", 2), null);
  assert.equal(results.peek("g", 1), null);
});
