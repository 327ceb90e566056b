import assert from "node:assert/strict";
import { memoryStore, openStore, type Store } from "../../../queue/mod.ts";
import { diagnose } from "../../../queue/doctor/diagnose.ts";
import { examine } from "../../../queue/doctor/examine.ts";
import { task } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";
import { folder } from "../store/folder.ts";
import { examineAtWork } from "./at_work.ts";
import { examineBroken } from "./broken.ts";
import { definitions, healthy, Patient } from "./patient.ts";

Deno.test("each broken law is found with its keys and repaired where it can be (memory)", async () => {
  await examineBroken(memoryStore({ limits: { checks: 10 } }));
});

Deno.test("each broken law is found with its keys and repaired where it can be (file)", async () => {
  using files = folder();
  const store = await openStore(`${files.path}/a.kv`);
  await examineBroken(store);
  store.close();
});

Deno.test("a store at full work gives no false alarm, and there is nothing to repair (file)", async () => {
  using files = folder();
  const store = await openStore(`${files.path}/a.kv`);
  await examineAtWork(store, store, 4);
  store.close();
});

Deno.test("repaired tasks are worked off like all others", async () => {
  const store = memoryStore();
  const { rows, ids } = await healthy();
  const p = new Patient(store, "sluice");
  await p.fill(rows);
  await p.delete(p.keys.ready("elsewhere", 5, ids.ready), p.keys.waiting(ids.open, ids.body));
  await p.delete(p.keys.run(ids.running), p.keys.worker(ids.worker), p.keys.cascade("join", ids.open));
  const { value } = await p.row("ready", ids.once);
  await p.put(p.keys.blocked("name:once", 5, ids.once), { ...value, channel: "elsewhere", priority: 5 });
  assert((await p.repaired()).length > 10);

  const quick = definitions.map(({ name, ...rest }) => task(name, rest.handler, rest)).map((each) =>
    ["held", "early", "keyed"].includes(each.name) ? { ...each, handler: () => "done" } : each
  );
  await using q = await openQueue({
    store,
    definitions: quick,
    channels: { default: 9, keyed: 9, elsewhere: 9 },
  });
  await q.queue.schedules.pause("each");
  await q.clock.advance(3_700_000);
  const { tasks } = await q.queue.list({ limit: 500 });
  const open = tasks.filter(({ doneAt }) => doneAt === null);
  assert.deepEqual(open, []);
  assert.equal((await q.queue.get(ids.last)).state, "SUCCESS");
});

Deno.test("diagnose() reads a thousand tasks a page at a time and tells what it has read", async () => {
  const store = memoryStore({ limits: { listBatch: 7 } });
  await using q = await openQueue({ store, definitions: [task("ok", () => 1)], start: false });
  for (let n = 0; n < 4; n++) await q.queue.submitAll(Array(250).fill({ name: "ok", args: [] }));
  const lines: string[] = [];
  const options = { namespace: "sluice", definitions: [], tell: (line: string) => lines.push(line) };
  const { rows, tasks, broken } = await diagnose(store, options);
  assert.deepEqual([tasks, broken], [1000, 0]);
  assert.match(
    lines.join("\n"),
    new RegExp(`^${rows} rows, 1000 of them tasks, were read in [0-9.]+ s: all is well$`),
  );
});

Deno.test("an examination comes to its end though tasks come faster than they are read", async () => {
  const store = memoryStore({ limits: { listBatch: 10 } });
  await using q = await openQueue({ store, definitions: [task("ok", () => 1)], start: false });
  const submit = () => q.queue.submitAll(Array(20).fill({ name: "ok", args: [] }));
  await submit();
  const stray = ["sluice", 5];
  await store.commit([], [{ type: "set", key: stray, value: null }]);
  let reads = 0;
  const growing: Store = {
    ...store,
    list: async (range, options) => {
      assert(++reads < 100, "more and more is read");
      await submit();
      return await store.list(range, options);
    },
  };
  const findings = await Array.fromAsync(examine(growing), ({ message }) => message);
  assert.deepEqual(findings, ["Row 5 cannot be read"]);
  await store.commit([], [{ type: "delete", key: stray }]);
});
