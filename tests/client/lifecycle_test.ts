/** docs/inspect.md shows real keys: the moments it tells of are lived through again, and its tables held against them. */
import assert from "node:assert/strict";
import type { StoredKey } from "../../queue/mod.ts";
import { heldTask } from "../support/held_task.ts";
import { openQueue } from "../support/open_queue.ts";

const TEXT = await Deno.readTextFile(new URL("../../docs/inspect.md", import.meta.url));

/** The keys that the first task view under a heading shows, with the ids and times that differ left out. */
function documented(heading: string): string[] {
  const section = TEXT.split(`\n### ${heading}\n`)[1]!.split("\n##")[0]!;
  const table = section.split("\nStored keys\nKEY")[1]!.split("```")[0]!;
  return table.trim().split("\n").slice(1).map((line) => shape(line.split("  ")[0]!.split(" ")));
}

const shape = (key: readonly unknown[]) =>
  key.map((part) => /^\d{13}$/.test(`${part}`) ? "<time>" : /^[0-9a-f]{8}-/.test(`${part}`) ? "<id>" : part)
    .join(" ");
const shapes = (keys: readonly StoredKey[]) => keys.map(({ key }) => shape(key));

Deno.test("the documented keys of a task's life are those that are stored", async () => {
  const held = heldTask("app.tasks.add", { channel: "celery" });
  await using q = await openQueue({ store: "file", definitions: [held.definition], channels: { celery: 1 } });
  const { id: first } = await q.queue.submit(held.definition, [4, 5]);
  const { id: second } = await q.queue.submit(held.definition, [9, 6]);
  await q.clock.settle();
  assert.deepEqual(shapes(await q.queue.keysOf(second)), documented("Ready"));
  held.runs[0]!.finish();
  await q.ended({ id: first });
  await q.clock.settle();
  assert.deepEqual(shapes(await q.queue.keysOf(second)), documented("Running"));
  held.runs[1]!.finish();
  await q.ended({ id: second });
  assert.deepEqual(shapes(await q.queue.keysOf(second)), documented("Stored"));
  for (const family of ["ready", "run"]) {
    assert.deepEqual((await q.queue.keys({ prefix: [family] })).keys, []);
    assert.match(TEXT, new RegExp(`inspect keys ${family}\\nStored keys\\n\\(none\\)\\n`));
  }
  const { id: third } = await q.queue.submit(held.definition, [1, 2], { delay: 60, expires: 90 });
  assert.deepEqual(shapes(await q.queue.keysOf(third)), documented("Delayed"));
  await q.queue.revoke(third);
  assert.deepEqual(shapes(await q.queue.keysOf(third)), documented("Revoked"));
});

Deno.test("every reason code is documented, and no other", async () => {
  const source = await Deno.readTextFile(new URL("../../queue/inspect/reasons.ts", import.meta.url));
  const union = source.split("export type ReasonCode =")[1]!.split(";")[0]!;
  const codes = [...union.matchAll(/"([a-z-]+)"/g)].map(([, code]) => code!);
  const section = TEXT.split("\n## Why a task does not run\n")[1]!.split("\n## ")[0]!;
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  const told = rows.flatMap((row) =>
    [...row.split("|")[1]!.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code!)
  );
  assert.deepEqual(told.toSorted(), codes.toSorted());
});
