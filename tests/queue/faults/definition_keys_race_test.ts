/** Keys of definitions through races, lost answers and lost workers. The key never turns a crash into a lost task. */
import assert from "node:assert/strict";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import { faultyStore, sets } from "../../support/faulty_store.ts";
import { heldTask } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { rowsOf } from "../../support/rows.ts";

const held = () => heldTask("held", { idempotency: { key: (id) => String(id) } });

Deno.test("five processes race with one key: one task; and again when it has failed", async () => {
  await using processes = new Processes();
  const { definition } = held();
  const all = await Promise.all(
    Array.from({ length: 5 }, () => processes.start({ definitions: [definition], channels: {} })),
  );
  const race = async () => {
    const answers = await Promise.all(
      all.flatMap(({ queue }) => Array.from({ length: 5 }, () => queue.submit(definition, [1]))),
    );
    assert.equal(new Set(answers.map(({ id }) => id)).size, 1);
    return answers[0]!.id;
  };
  const first = await race();
  await all[0]!.queue.revoke(first);
  assert.notEqual(await race(), first);
  assert.equal((await rowsOf(processes.store, "task")).length, 2);
});

Deno.test("a task whose worker is lost runs again and is no duplicate of itself", async () => {
  await using processes = new Processes();
  const [one, two] = [held(), held()];
  const dead = await processes.start({ definitions: [one.definition] });
  const first = await dead.queue.submit(one.definition, [17]);
  await dead.clock.advance(2000);
  assert.equal(one.runs.length, 1);
  const alive = await processes.start({ definitions: [two.definition] });
  await alive.clock.advance(LOST_AFTER / 2);
  const meanwhile = await alive.queue.submit(two.definition, [17]);
  assert.deepEqual([meanwhile.id, meanwhile.state], [first.id, "STARTED"]);
  await alive.clock.advance(LOST_AFTER);
  assert.equal(two.runs.length, 1);
  two.runs[0]!.finish("charged");
  await alive.clock.settle();
  const after = await alive.queue.submit(two.definition, [17]);
  assert.deepEqual([after.id, after.state, after.result], [first.id, "SUCCESS", "charged"]);
});

Deno.test("a key whose task failed for good, its workers lost, is free", async () => {
  await using processes = new Processes();
  const { definition } = held();
  let first: string | undefined;
  for (let lost = 0; lost < 3; lost++) {
    const dead = await processes.start({ definitions: [definition] });
    first ??= (await dead.queue.submit(definition, [17])).id;
    await dead.clock.advance(LOST_AFTER + 10_000);
  }
  const last = await processes.start({ definitions: [definition], channels: {} });
  await last.clock.advance(LOST_AFTER + 10_000);
  assert.equal((await last.queue.get(first!)).error?.type, "WorkerLostError");
  assert.notEqual((await last.queue.submit(definition, [17])).id, first);
});

for (const fault of ["lost", "failed", "nothing", "repeated", "held"] as const) {
  Deno.test(`a submit whose commit is ${fault} leaves one task and its key, also when asked again`, async () => {
    const store = faultyStore(memoryStore());
    const { definition } = held();
    await using q = await openQueue({ store, definitions: [definition], channels: {} });
    const trap = store.onCommit(fault, sets("idem"));
    const first = q.queue.submit(definition, [1]);
    await trap.hit;
    const again = q.queue.submit(definition, [1]);
    await q.clock.advance(20_000);
    const ids = (await Promise.all([first, again])).map(({ id }) => id);
    assert.equal(ids[0], ids[1]);
    if (fault !== "failed") assert.equal(await trap.land(), null);
    assert.equal((await rowsOf(store, "task")).length, 1);
  });
}

Deno.test("a submit that was fenced while another process took its key returns that task", async () => {
  await using processes = new Processes();
  const { definition } = held();
  const fenced = await processes.start({ definitions: [definition], channels: {} });
  const other = await processes.start({ definitions: [definition], channels: {} });
  const trap = fenced.faulty.onCommit("held", sets("idem"));
  const first = fenced.queue.submit(definition, [1]);
  await trap.hit;
  await other.clock.advance(LOST_AFTER);
  const second = await other.queue.submit(definition, [1]);
  assert.equal(await trap.land(), null);
  assert.deepEqual([(await first).id, (await first).duplicate], [second.id, "return"]);
  assert.equal((await rowsOf(processes.store, "task")).length, 1);
});
