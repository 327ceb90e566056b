import assert from "node:assert/strict";
import { heldTask } from "../../support/held_task.ts";
import { onBothStores } from "../../support/open_queue.ts";

/** Two tasks in channels of their own, with more slots than runs there may be. */
function twoChannels() {
  const one = heldTask("one", { channel: "one" });
  const two = heldTask("two", { channel: "two" });
  const definitions = [one.definition, two.definition];
  return { one, two, options: { definitions, channels: { one: 4, two: 4 }, solo: true } };
}

onBothStores(
  "solo: one task at a time, whatever its channel and however many slots there are",
  async (open) => {
    const { one, two, options } = twoChannels();
    await using q = await open(options);
    for (let i = 0; i < 3; i++) {
      await q.queue.submitAll([{ name: "one", args: [i] }, { name: "two", args: [i] }]);
    }
    const ended = () => q.events.of("finished").length;
    const runs = () => [...one.runs, ...two.runs];
    for (let n = 1; n <= 6; n++) {
      await q.clock.settle();
      assert.equal(runs().length, n, `${n} have started`);
      assert.equal(ended(), n - 1);
      runs().forEach((run) => run.finish());
    }
    await q.clock.settle();
    assert.equal(ended(), 6);
  },
);

onBothStores(
  "solo: the other channels are told when the slot is free",
  async (open) => {
    const { one, two, options } = twoChannels();
    await using q = await open(options);
    await q.queue.submit(one.definition, []);
    await q.clock.settle();
    await q.queue.submit(two.definition, []);
    await q.clock.advance(60_000);
    assert.deepEqual([one.runs.length, two.runs.length], [1, 0]);
    assert.equal((await q.queue.health()).ready, true);
    one.runs[0]!.finish();
    // No time passes: no poll is needed.
    await q.clock.settle();
    assert.equal(two.runs.length, 1);
    assert.equal((await q.queue.health()).ready, true);
    two.runs[0]!.finish();
  },
);
