import assert from "node:assert/strict";
import { task } from "../../support/held_task.ts";
import { onBothStores } from "../../support/open_queue.ts";

const cycle: Record<string, unknown> = { deep: {} };
(cycle["deep"] as Record<string, unknown>)["top"] = cycle;
const shared = { n: 1 };

/** A task that returns the value of this name. */
const values: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  false: false,
  zero: 0,
  text: "ünïcödé 😀",
  nested: { a: [1, { b: null }], c: "" },
  date: { at: new Date(0) },
  twice: [shared, shared],
  holes: [1, undefined, 3],
  bigint: { rows: [{ id: 1 }, { id: 2n }] },
  function: { f: () => 1 },
  symbol: Symbol("s"),
  cycle,
  nan: { ratio: 0 / 0 },
  infinity: Infinity,
  map: new Map(),
  promise: { later: Promise.resolve(1) },
  "throwing toJSON": {
    toJSON() {
      throw new Error("not today");
    },
  },
  "bigint of toJSON": { toJSON: () => 1n },
};
const give = task("give", (_ctx, name) => values[name as string], { maxRetries: 2, retry: { delay: 1 } });

onBothStores("a handler's return value is the task's result, as JSON carries it", async (open) => {
  await using q = await open({ definitions: [give] });
  const expected = {
    undefined: null,
    null: null,
    false: false,
    zero: 0,
    text: "ünïcödé 😀",
    nested: { a: [1, { b: null }], c: "" },
    date: { at: "1970-01-01T00:00:00.000Z" },
    twice: [{ n: 1 }, { n: 1 }],
    holes: [1, null, 3],
  };
  for (const [name, result] of Object.entries(expected)) {
    const ended = await q.ended(await q.queue.submit(give, [name]));
    assert.deepEqual([name, ended.state, ended.result, ended.error], [name, "SUCCESS", result, null]);
    assert.deepEqual(await q.queue.result(ended), result);
  }
});

onBothStores(
  "a result that JSON cannot carry fails the task, names the place and is not retried",
  async (open) => {
    await using q = await open({ definitions: [give] });
    const expected = {
      bigint: "result.rows[1].id is a bigint, which JSON cannot carry",
      function: "result.f is a function, which JSON cannot carry",
      symbol: "result is a symbol, which JSON cannot carry",
      cycle: "result.deep.top contains itself, which JSON cannot carry",
      nan: "result.ratio is NaN, which JSON cannot carry",
      infinity: "result is Infinity, which JSON cannot carry",
      map: "result is a Map, which JSON cannot carry",
      promise: "result.later is a Promise, which JSON cannot carry",
    };
    for (const [name, message] of Object.entries(expected)) {
      const ended = await q.ended(await q.queue.submit(give, [name]), 0);
      assert.deepEqual([ended.state, ended.retries, ended.result], ["FAILURE", 0, null]);
      assert.deepEqual(ended.error, { type: "ResultNotSerializable", message, traceback: null });
    }
  },
);

onBothStores("a result whose own toJSON fails, fails its task", async (open) => {
  await using q = await open({ definitions: [give] });
  for (const name of ["throwing toJSON", "bigint of toJSON"]) {
    const ended = await q.ended(await q.queue.submit(give, [name], { maxRetries: 0 }));
    assert.equal(ended.state, "FAILURE");
  }
});

onBothStores(
  "ignoreResult keeps the outcome and no result, and asks nothing of the return value",
  async (open) => {
    const quiet = task("quiet", () => ({ big: 1n, more: "x".repeat(600_000) }), { ignoreResult: true });
    await using q = await open({ definitions: [quiet, give] });
    const ended = await q.ended(await q.queue.submit(quiet, []));
    assert.deepEqual([ended.state, ended.result], ["SUCCESS", null]);
    const asked = await q.ended(await q.queue.submit(give, ["text"], { ignoreResult: true }));
    assert.deepEqual([asked.state, asked.result], ["SUCCESS", null]);
  },
);

onBothStores(
  "a result that its handler changes after the return is stored as it was returned",
  async (open) => {
    const list = [1];
    const definition = task("gives", () => list);
    await using q = await open({ definitions: [definition] });
    const { id } = await q.queue.submit(definition, []);
    await q.clock.settle();
    list.push(2);
    assert.deepEqual((await q.queue.get(id)).result, [1]);
  },
);

onBothStores("a result of more than 512 KiB is ResultTooLarge", async (open) => {
  const big = task("big", (_ctx, characters) => "x".repeat(Number(characters)), { maxRetries: 2 });
  await using q = await open({ definitions: [big] });
  const most = 512 * 1024 - 2;
  const fits = await q.ended(await q.queue.submit(big, [most]));
  assert.deepEqual([fits.state, (fits.result as string).length], ["SUCCESS", most]);
  const over = await q.ended(await q.queue.submit(big, [most + 1]), 0);
  assert.deepEqual([over.state, over.error], ["FAILURE", {
    type: "ResultTooLarge",
    message: `The result has ${most + 3} bytes as JSON, at most ${most + 2} are kept`,
    traceback: null,
  }]);
});
