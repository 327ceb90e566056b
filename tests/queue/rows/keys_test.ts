import assert from "node:assert/strict";
import {
  blobPartIn,
  familyOf,
  idOf,
  keyAfter,
  keysOf,
  namespaceOf,
  numberIn,
  partsOf,
  placeIn,
  priorityIn,
  scopeOf,
  standsBefore,
  timeIn,
  within,
} from "../../../queue/rows/keys.ts";

const keys = keysOf("ns");

Deno.test("what a key was made of is read from it", () => {
  const ready = keys.ready("mail", 7, "id");
  assert.deepEqual([namespaceOf(ready), familyOf(ready), scopeOf(ready)], ["ns", "ready", "mail"]);
  assert.deepEqual([priorityIn(ready), placeIn(ready), idOf(ready)], [7, 2, "id"]);
  const blocked = keys.blocked("key:mail:a", 0, "id");
  assert.deepEqual([scopeOf(blocked), priorityIn(blocked), idOf(blocked)], ["key:mail:a", 0, "id"]);
  for (const key of [keys.delayed(5, "id"), keys.due(5, "id"), keys.later(5, "id")]) {
    assert.deepEqual([timeIn(key), idOf(key)], [5, "id"]);
  }
  for (const key of [keys.waiting("a", "id"), keys.open("a", "id"), keys.ended("a", "id")]) {
    assert.deepEqual([scopeOf(key), idOf(key)], ["a", "id"]);
  }
  for (const key of [keys.lane("a", 3), keys.occurrence("a", 3), keys.blob("a", "args", 3)]) {
    assert.deepEqual([scopeOf(key), numberIn(key)], ["a", 3]);
  }
  assert.equal(blobPartIn(keys.blob("a", "result", 0)), "result");
  assert.deepEqual(keys.of(partsOf(ready)), ready);
  assert.equal(familyOf(keys.locks().prefix), "lock");
});

Deno.test("a ready task stands before one of less priority, or of as much and less age", () => {
  const key = (priority: number, id: string) => keys.ready("mail", priority, id);
  assert(standsBefore(key(9, "b"), key(8, "a")));
  assert(standsBefore(key(5, "a"), key(5, "b")));
  assert(!standsBefore(key(5, "a"), key(5, "a")));
});

Deno.test("a range is narrowed to ids, and what it says already stays", () => {
  const range = within(keys.tasks(), { from: "a" });
  assert.deepEqual(within(range, { to: "b" }), {
    prefix: ["ns", "task"],
    start: keys.task("a"),
    end: keys.task("b"),
  });
  assert.deepEqual(within(range, { to: undefined }), range);
  assert.deepEqual(keyAfter(keys.task("a")), [...keys.task("a"), new Uint8Array()]);
});
