/**
 * Sluice's engine in a process of its own: a scenario of `drive.mjs`. The environment names the database file.
 *
 * @module
 */
import { z } from "zod";
import { createQueue, defineTask, openStore, type Task } from "../../../queue/mod.ts";
import { census } from "../../census.ts";
import { drive } from "../js/drive.mjs";

interface Site {
  readonly slots: Readonly<Record<string, number>>;
  run(name: string, x: number, y: number): unknown;
  finished(): void;
}

const path = Deno.env.get("KV_PATH")!;

async function open({ slots, run, finished }: Site) {
  const store = await openStore(path);
  const define = (name: string, channel = "celery") =>
    defineTask(
      { name: `peer.${name}`, args: z.tuple([z.int(), z.int()]), channel },
      (_context, x, y) => run(name, x, y) as number,
    );
  const definitions = {
    add: define("add"),
    probe: define("probe"),
    long: define("long"),
    important: define("important", "high_priority"),
  };
  let stored = 0;
  const storedOf: Record<string, number> = {};
  const queue = createQueue({
    store,
    definitions: Object.values(definitions),
    channels: slots,
    onEvent: (event) => {
      if (event.type === "fault") reportError(new Error(event.message, { cause: event.error }));
      if (event.type !== "finished") return;
      if (event.state !== "SUCCESS") reportError(new Error(`A task ended in ${event.state}: ${event.error}`));
      stored++;
      storedOf[event.task.name] = (storedOf[event.task.name] ?? 0) + 1;
      finished();
    },
  });
  await queue.start();
  return {
    submit: (name: keyof typeof definitions, x: number, y: number) => queue.submit(definitions[name], [x, y]),
    submitAll: (first: number, count: number) =>
      queue.submitAll(
        Array.from({ length: count }, (_, i) => ({ name: definitions.add.name, args: [first + i, 1] })),
      ),
    result: (task: Task) => queue.result(task),
    pause: () => queue.changeChannel("celery", { paused: true }),
    resume: () => queue.changeChannel("celery", { paused: false }),
    stored: () => stored,
    /** Counts in the database what was said to be stored. */
    async close() {
      await queue.stop(0);
      store.close();
      for (const [name, count] of Object.entries(storedOf)) {
        const { SUCCESS } = (await census(path, name)).states;
        if (SUCCESS !== count) {
          throw new Error(`The database holds ${SUCCESS} results of ${name}, not ${count}`);
        }
      }
    },
  };
}

await drive(open, Deno.args[0]!, Deno.args[1]!);
