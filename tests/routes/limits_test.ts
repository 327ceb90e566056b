import assert from "node:assert/strict";
import { TEN_YEARS } from "../../queue/ground/clock.ts";
import { MAX_BATCH } from "../../queue/request/submit.ts";
import { MAX_DEPTH } from "../../queue/task/node.ts";
import { LONGEST } from "../../routes/contract/form.ts";
import { BATCH_LIMIT, DEPTH_LIMIT } from "../../routes/contract/mod.ts";

// The wire contract imports nothing of the engine, because clients import it.
Deno.test("the limits on the wire are the engine's", () => {
  assert.equal(BATCH_LIMIT, MAX_BATCH);
  assert.equal(DEPTH_LIMIT, MAX_DEPTH);
  assert.equal(LONGEST, TEN_YEARS);
});
