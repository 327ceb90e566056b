/**
 * Fills a store with tasks in every place. `tests/queue/membership/version_1.kv` was made by it when the stored data had
 * version 1, and stays as it is: `deno run -A tests/support/fill.ts <new file>` makes one of today's version.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { type AnyTaskDefinition, type Json, openStore } from "../../queue/mod.ts";
import { task } from "./held_task.ts";
import { type OpenQueue, openQueue } from "./open_queue.ts";
import { rowsOf } from "./rows.ts";

/** Every task there is; those that hang do so in the process that fills, and return elsewhere. */
export function definitions(hangs: boolean): AnyTaskDefinition[] {
  const hang = () => hangs ? new Promise<never>(() => {}) : "done";
  return [
    task("add", (_ctx, ...numbers) => numbers.flat().reduce((sum: number, n) => sum + Number(n), 0)),
    task("fail", () => {
      throw new Error("as it was told");
    }),
    task("hang", hang),
    task("exclusive", hang, { concurrencyKey: () => "one" }),
    task("elsewhere", () => "done", { channel: "elsewhere" }),
    task("order", (_ctx, id) => `charged ${id}`, { idempotency: { key: (id) => `order ${id}` } }),
  ];
}

/** Submits; what must end has ended then, what hangs runs. */
export async function fill({ queue, clock }: OpenQueue): Promise<void> {
  const submit = (name: string, args: Json[] = [], options = {}) =>
    queue.submitAll([{ name, args, ...options }]);
  await submit("add", [1, 2]);
  await submit("fail", [], { maxRetries: 0 });
  await submit("fail", [], { maxRetries: 1 });
  await submit("add", [Array.from({ length: 6000 }, (_, n) => n)]);
  await submit("order", [7]);
  await submit("add", [3, 4], { delay: 20 });
  await submit("hang");
  await submit("exclusive", [1]);
  await submit("exclusive", [2]);
  await submit("elsewhere", [], { expires: 7200 });
  const [add, hang] = [{ name: "add", args: [1] }, { name: "hang", args: [] }];
  await queue.submitWorkflow({ chain: [add, hang, { name: "order", args: [8] }] });
  await queue.submitWorkflow({
    chord: { header: [add, add, hang, add], body: { name: "exclusive", args: [] } },
  });
  await queue.changeChannel("elsewhere", { slots: 2 });
  await clock.advance(500);
}

if (import.meta.main) {
  const all = definitions(true);
  const q = await openQueue({
    store: "own",
    definitions: all,
    channels: { default: 20 },
    schedules: [{ id: "hourly", trigger: { interval: 3600 }, task: all[0]!, args: [1, 1] }],
  });
  await fill(q);
  const path = Deno.args[0]!;
  const file = await openStore(path);
  for (const { key, entry } of await rowsOf(q.store)) {
    await file.commit([], [{ type: "set", key, value: entry.value }]);
  }
  file.close();
  const database = new DatabaseSync(path);
  database.exec("vacuum");
  database.close();
  Deno.exit(0); // as a crash would: the process has not left its store
}
