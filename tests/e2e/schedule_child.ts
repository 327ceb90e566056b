/**
 * A process that fires schedules over a database file, and can be killed at any moment. It says `{"fired": n}` as often
 * as its occurrences have landed.
 *
 * ```text
 * schedule_child.ts <file> <schedules>
 * ```
 *
 * @module
 */
import process from "node:process";
import { z } from "zod";
import { createQueue, defineTask, openStore } from "../../queue/mod.ts";

const tick = defineTask({ name: "tick", args: z.tuple([]) }, () => null);
const store = await openStore(Deno.args[0]!);
let fired = 0;
const queue = createQueue({
  store,
  definitions: [tick],
  schedules: Array.from({ length: Number(Deno.args[1]) }, (_, n) => ({
    id: `s${n}`,
    task: tick,
    args: [],
    trigger: { interval: 0.05 },
    catchUp: "all" as const,
    catchUpLimit: 1000,
    maxInstances: 100,
  })),
  onEvent(event) {
    if (event.type !== "submitted") return;
    Deno.stdout.writeSync(new TextEncoder().encode(`{"fired":${++fired}}\n`));
  },
});
await queue.start();
process.stdin.on("end", async () => {
  await queue.stop();
  store.close();
});
process.stdin.resume();
