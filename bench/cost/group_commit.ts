/**
 * The number of tasks that share a commit on a database file, by how many are submitted at once. That depends on the
 * disk: the slower it is, the more come together while a commit is under way.
 *
 * @module
 */
import { z } from "zod";
import { createQueue, defineTask, openStore } from "../../queue/mod.ts";
import { countedStore, noOperations, type Operations } from "../counted_store.ts";

/** Submits so many tasks one by one, so many calls at once, and runs them. */
export async function costOnFile(path: string, tasks: number, atOnce: number): Promise<Operations> {
  const count = noOperations();
  const store = await openStore(path);
  const done = Promise.withResolvers<void>();
  const add = defineTask({ name: "add", args: z.tuple([z.number(), z.number()]) }, (_context, x, y) => x + y);
  let finished = 0;
  const queue = createQueue({
    store: countedStore(store, count),
    definitions: [add],
    channels: { default: 100 },
    onEvent: (event) => {
      if (event.type === "finished" && ++finished === tasks) done.resolve();
    },
  });
  await queue.start();
  Object.assign(count, noOperations());
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < tasks) {
      const { id } = await queue.submit(add, [next++, 1]);
      if (atOnce === 1) await queue.wait(id, { timeout: 10 });
    }
  }));
  await done.promise;
  const found = { ...count };
  await queue.stop();
  store.close();
  return found;
}
