/**
 * What a process that was asked to stop leaves in its database.
 *
 * @module
 */
import assert from "node:assert/strict";
import { openStore } from "../../queue/mod.ts";
import { rowsOf } from "../support/rows.ts";
import type { Child } from "./child.ts";

/** Asserts that a process ends well, gives the task that it ran back uncounted, and is no worker any more. */
export async function assertGivenBack(child: Child, path: string): Promise<void> {
  assert.equal((await child.ended()).code, 0);
  assert(child.said.some(({ message }) => message === "returned"));
  const store = await openStore(path);
  const [ready] = await rowsOf(store, "ready");
  assert.equal(ready!.value.deliveries, 0);
  assert.deepEqual(await rowsOf(store, "worker"), []);
  store.close();
}
