/**
 * A process that executes tasks over a database file or a KV server, and can be killed at any moment. What it has to say
 * is one JSON value a line on its standard output; it is told what to submit by lines on its standard input.
 *
 * ```text
 * engine_child.ts <store> [<namespace> <workerLostAfter> [<one commit in so many is forgotten>]]
 *   stdin    {"submit": [{name, args}, …]}   {"workflow": node}   {"drain": true}   and its end: stop
 *   stdout   {"ready": worker}  {"ids": […]}  {"workflow": id}  {"started": id, "retries": n}  {"finished": id}
 *            {"refused": why}  {"rescued": n}  {"drained": true}
 * ```
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { z } from "zod";
import {
  createQueue,
  defineTask,
  isFinal,
  openStore,
  type TaskContext,
  TaskNotFoundError,
} from "../../queue/mod.ts";
import { forgetfulStore } from "./forgetful_store.ts";
import { settledIn } from "./settled.ts";

// Nobody is judged lost by time unless told so: what comes back at once comes back by the restart alone.
const [path, namespace = "sluice", workerLostAfter = "3600", forgets] = Deno.args;
const encoder = new TextEncoder();
function say(line: unknown): void {
  Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(line)}\n`));
}

/** One row for each time that a settlement of the task landed. */
function countSettlement(ctx: TaskContext): void {
  ctx.commit.set([settledIn(namespace), ctx.id, crypto.randomUUID()], encoder.encode(`${ctx.retries}`));
}

const work = z.tuple([z.int()]);
const definitions = [
  defineTask({ name: "count", args: work }, async (ctx, milliseconds) => {
    if (milliseconds > 0) await ctx.sleep(milliseconds / 1000);
    countSettlement(ctx);
    return milliseconds;
  }),
  defineTask(
    { name: "flaky", args: work, maxRetries: 1, retry: { delay: 0.01, factor: 1 }, priority: 7 },
    (ctx, milliseconds) => {
      if (ctx.retries === 0) throw new Error("once");
      countSettlement(ctx);
      return milliseconds;
    },
  ),
  defineTask(
    { name: "order", args: work, idempotency: { key: (id) => `order ${id}` } },
    async (ctx) => {
      await ctx.sleep(1);
      countSettlement(ctx);
      return "charged";
    },
  ),
  defineTask({ name: "gather", args: z.tuple([z.array(z.int())]) }, (ctx, list) => {
    countSettlement(ctx);
    return list.length;
  }),
  defineTask({ name: "wait", args: work }, (ctx) => ctx.sleep(3600)),
  defineTask({ name: "once", args: work, acks: "early" }, (ctx) => ctx.sleep(3600)),
  defineTask({ name: "poison", args: work }, () => process.kill(process.pid, "SIGKILL")),
];

const opened = await openStore(path!, { namespace });
const store = forgets === undefined ? opened : forgetfulStore(opened, Number(forgets));
const queue = createQueue({
  store,
  definitions,
  channels: { default: 16 },
  namespace,
  workerLostAfter: Number(workerLostAfter),
  pid: Deno.pid,
  onEvent(event) {
    if (event.type === "registered") say({ ready: event.worker });
    if (event.type === "started") say({ started: event.task.id, retries: event.retries });
    if (event.type === "finished") say({ finished: event.task.id });
    if (event.type === "rescued" && event.tasks > 0) say({ rescued: event.tasks });
    if (event.type === "fault") say({ fault: `${event.message}: ${event.error}` });
  },
});
await queue.start();

for await (const line of createInterface({ input: process.stdin })) {
  const { submit, workflow, drain } = JSON.parse(line);
  if (submit) {
    queue.submitAll(submit).then(
      ({ tasks }) => say({ ids: tasks.map(({ id }) => id) }),
      (error) => say({ refused: String(error) }),
    );
  }
  if (workflow) queue.submitWorkflow(workflow).then(({ workflow: { id } }) => say({ workflow: id }));
  if (drain) await untilAllEnded();
}
await queue.stop(0);
store.close();

async function untilAllEnded(): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await queue.list({ limit: 500, ...(cursor && { cursor }) });
    await Promise.all(page.tasks.filter(({ state }) => !isFinal(state)).map(({ id }) => untilEnded(id)));
    cursor = page.cursor ?? undefined;
  } while (cursor);
  // Whoever was killed is to be found, and what it leaves behind taken away.
  while ((await queue.workers()).length > 1) await new Promise((resume) => setTimeout(resume, 50));
  say({ drained: true });
}

/** A task of a workflow whose submission was not finished goes away instead. */
async function untilEnded(id: string): Promise<void> {
  await queue.wait(id).catch((error) => {
    if (!(error instanceof TaskNotFoundError)) throw error;
  });
}
