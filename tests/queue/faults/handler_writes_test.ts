/** Writes that a handler asks to be stored with its result can fail in every way; its task still ends (invariant 1). */
import assert from "node:assert/strict";
import type { TaskContext } from "../../../queue/mod.ts";
import { task } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";

const writes: Record<string, (ctx: TaskContext) => unknown> = {
  "a value that cannot be stored": (ctx) => ctx.commit.set(["user", "a"], () => {}),
  "a value too large": (ctx) => ctx.commit.set(["user", "a"], new Uint8Array(70_000)),
  "a key part that is none": (ctx) => ctx.commit.set(["user", {} as string], 1),
  "a key too large": (ctx) => ctx.commit.set(["user", "x".repeat(3000)], 1),
  "more bytes than a commit holds": (ctx) => {
    for (let n = 0; n < 20; n++) ctx.commit.set(["user", n], new Uint8Array(60_000));
  },
  "a versionstamp that is none": (ctx) => ctx.commit.check(["user", "a"], "zz"),
};
for (const [what, write] of Object.entries(writes)) {
  Deno.test(`a task whose commit holds ${what} ends as FAILURE at once and stores nothing`, async () => {
    const bad = task("bad", (ctx) => void write(ctx), { maxRetries: 3 });
    const good = task("good", (ctx) => void ctx.commit.set(["user", "good", ctx.id], 1));
    await using q = await openQueue({ definitions: [bad, good] });
    const { tasks } = await q.queue.submitAll([
      { name: "good", args: [] },
      { name: "bad", args: [] },
      { name: "good", args: [] },
    ]);
    const ended = await Promise.all(tasks.map(({ id }) => q.queue.wait(id)));
    assert.deepEqual(ended.map(({ state }) => state), ["SUCCESS", "FAILURE", "SUCCESS"]);
    assert.equal(ended[1]!.error?.type, "RefusedCommitError");
    assert.equal(ended[1]!.retries, 0);
    assert.equal((await q.store.list({ prefix: ["user"] }, { limit: 10 })).length, 2);
  });
}

Deno.test("a retry policy that throws ends the task as FAILURE with what its handler threw", async () => {
  const retryOn = () => {
    throw new TypeError("policy is broken");
  };
  const broken = task("broken", () => Promise.reject(new Error("first")), {
    maxRetries: 3,
    retry: { retryOn },
  });
  await using q = await openQueue({ definitions: [broken] });
  const { tasks: [submitted] } = await q.queue.submitAll([{ name: "broken", args: [] }]);
  const { state, error } = await q.ended(submitted!, 5);
  assert.deepEqual([state, error?.type, error?.message], ["FAILURE", "Error", "first"]);
});
