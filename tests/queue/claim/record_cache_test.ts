import assert from "node:assert/strict";
import type { TaskRecord } from "../../../queue/rows/record.ts";
import { RecordCache } from "../../../queue/claim/record_cache.ts";

const record = (id: string) => ({ id } as TaskRecord);

Deno.test("a record is handed out once, for the versionstamp it was written with", () => {
  const cache = new RecordCache();
  const a = record("a");
  cache.put(a, "1");
  assert.equal(cache.take("a", "1"), a);
  assert.equal(cache.take("a", "1"), null);
});

Deno.test("a record that was written anew since is not handed out, and forgotten", () => {
  const cache = new RecordCache();
  cache.put(record("a"), "1");
  assert.equal(cache.take("a", "2"), null);
  assert.equal(cache.take("a", "1"), null);
});

Deno.test("the oldest record makes room for a new one", () => {
  const cache = new RecordCache();
  const many = 10_000;
  for (let i = 0; i < many; i++) cache.put(record(`${i}`), "1");
  let kept = 0;
  for (let i = 0; i < many; i++) if (cache.take(`${i}`, "1")) kept++;
  assert(kept > 100 && kept < many, `${kept}`);
  const again = new RecordCache();
  for (let i = 0; i < many; i++) again.put(record(`${i}`), "1");
  assert.equal(again.take("0", "1"), null);
  assert.equal(again.take(`${many - kept}`, "1")?.id, `${many - kept}`);
  assert.equal(again.take(`${many - 1}`, "1")?.id, `${many - 1}`);
});
