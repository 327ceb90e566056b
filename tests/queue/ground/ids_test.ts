import assert from "node:assert/strict";
import fc from "fast-check";
import { firstIdAt, idSource, isTaskId, timeOfId } from "../../../queue/ground/ids.ts";
import { FakeClock, START } from "../../../queue/testing/fake_clock.ts";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** Any moment that 48 bits hold. */
const moment = fc.integer({ min: 0, max: 2 ** 48 - 1 });

Deno.test("an id is a UUIDv7 of the moment it was made", () => {
  fc.assert(fc.property(moment, (time) => {
    const id = idSource(new FakeClock(Math.max(1, time)))();
    assert.match(id, UUID_V7);
    assert(isTaskId(id));
    assert.equal(timeOfId(id), Math.max(1, time));
  }));
});

Deno.test("ids grow strictly within a millisecond, also when more are made than the counter holds", () => {
  const next = idSource(new FakeClock());
  const ids = Array.from({ length: 10_000 }, next);
  assert.deepEqual(ids.toSorted(), ids);
  assert.equal(new Set(ids).size, ids.length);
  // The counter's 4096 values are used up at least twice: the time goes ahead of the clock.
  const ahead = timeOfId(ids.at(-1)!) - START;
  assert(ahead >= 2 && ahead <= 4, `${ahead} ms ahead`);
  assert(ids.every((id) => UUID_V7.test(id)));
});

Deno.test("at least 3072 ids fit into a millisecond before the time goes ahead of the clock", () => {
  for (let i = 0; i < 20; i++) {
    const next = idSource(new FakeClock());
    const ids = Array.from({ length: 3073 }, next);
    assert.equal(timeOfId(ids.at(-1)!), START);
  }
});

Deno.test("ids grow strictly whatever the clock does", () => {
  const steps = fc.array(fc.integer({ min: -100_000, max: 100_000 }), { maxLength: 200 });
  fc.assert(fc.property(steps, (times) => {
    const clock = new FakeClock();
    const next = idSource(clock);
    let last = next();
    for (const step of times) {
      clock.setWall(clock.now() + step);
      const id = next();
      assert(id > last, `${id} came after ${last}`);
      last = id;
    }
  }));
});

Deno.test("two sources at one moment make different ids", () => {
  const clock = new FakeClock();
  const [a, b] = [idSource(clock), idSource(clock)];
  const ids = Array.from({ length: 2000 }, (_, i) => (i % 2 ? a : b)());
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("the first id of a moment stands between the ids made before and those made then", () => {
  fc.assert(fc.property(fc.integer({ min: 2, max: 2 ** 48 - 1 }), (time) => {
    const first = firstIdAt(time);
    assert(isTaskId(first));
    assert.equal(timeOfId(first), time);
    assert(idSource(new FakeClock(time))() >= first);
    assert(idSource(new FakeClock(time - 1))() < first);
  }));
});

Deno.test("the first id of a moment before 1970 is the first of all", () => {
  assert(isTaskId(firstIdAt(-5)));
  assert.equal(timeOfId(firstIdAt(-5)), 0);
  assert.equal(timeOfId(firstIdAt(1.9)), 1);
});

Deno.test("only a lower-case UUID could be a task id", () => {
  const id = idSource(new FakeClock())();
  for (
    const text of [
      "",
      "1",
      id.toUpperCase(),
      `${id} `,
      id.slice(1),
      id.replaceAll("-", ""),
      `{${id}}`,
      `${id}\n`,
    ]
  ) {
    assert(!isTaskId(text), JSON.stringify(text));
  }
});
