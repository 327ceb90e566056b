import assert from "node:assert/strict";
import { nearest } from "../../routes/nearest.ts";

const FIELDS = ["name", "args", "channel", "priority", "delay", "run_at", "max_retries"];

for (
  const [wrong, known] of [
    ["prority", "priority"],
    ["Priority", "priority"],
    ["dealy", "delay"],
    ["runAt", "run_at"],
    ["maxRetries", "max_retries"],
    ["arg", "args"],
    ["countdown", null],
    ["", null],
    ["x".repeat(10_000), null],
  ] as const
) {
  Deno.test(`nearest() of '${wrong.slice(0, 20)}' is ${known}`, () =>
    assert.equal(nearest(wrong, FIELDS), known));
}
