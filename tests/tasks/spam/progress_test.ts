import assert from "node:assert/strict";
import { progressBar } from "../../../tasks/spam/progress.ts";

/** What is drawn when this much is done. */
function drawn(isTerminal: boolean, ...done: number[]): string {
  const bytes: number[] = [];
  const bar = progressBar(
    { isTerminal: () => isTerminal, writeSync: (part) => bytes.push(...part) },
    "Training",
  );
  done.forEach(bar);
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

Deno.test("a terminal shows a bar that grows in place and is wiped at the end", () => {
  const half = `Training [${"#".repeat(20)}${".".repeat(20)}] 50 %`;
  assert.equal(drawn(true, 0.5), `\r${half}`);
  const [, start, middle, wiped, ...rest] = drawn(true, 0, 0.5, 1).split("\r");
  assert.equal(start, `Training [${".".repeat(40)}] 0 %`);
  assert.equal(middle, half);
  assert.match(wiped!, /^ +$/);
  assert(wiped!.length >= half.length);
  assert.deepEqual(rest, [""]);
});

Deno.test("a file or a pipe gets no bar", () => assert.equal(drawn(false, 0, 0.5, 1), ""));
