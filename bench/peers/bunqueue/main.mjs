/**
 * bunqueue on Bun, embedded: `bun main.mjs serve <port>`, or a scenario of `drive.mjs`. The environment names the
 * database file, and with DURABLE=1 a job is on the disk before it is accepted.
 *
 * @module
 */
import { Database } from "bun:sqlite";
import process from "node:process";
import { Queue, QueueEvents, Worker } from "bunqueue/client";
import { drive } from "../js/drive.mjs";

const options = { embedded: true, dataPath: process.env.DATA_PATH };
const keep = process.env.DURABLE === "1" ? { durable: true } : {};
const CHANNEL = { important: "high_priority" };

async function open({ slots, run, finished }) {
  const queues = {}, workers = {}, events = {};
  for (const [channel, concurrency] of Object.entries(slots)) {
    queues[channel] = new Queue(channel, options);
    workers[channel] = new Worker(channel, (job) => run(job.name, ...job.data), { ...options, concurrency });
    workers[channel].on("completed", finished);
  }
  const file = new Database(options.dataPath, { readonly: true });
  const count = file.query("SELECT count(*) AS stored FROM jobs WHERE queue = 'celery' AND state = 'completed'");
  return {
    submit: (name, x, y) => queues[CHANNEL[name] ?? "celery"].add(name, [x, y], keep),
    submitAll: (first, count) =>
      queues.celery.addBulk(
        Array.from({ length: count }, (_, i) => ({ name: "add", data: [first + i, 1], opts: keep })),
      ),
    async result(job) {
      const channel = job.queueName;
      events[channel] ??= new QueueEvents(channel, options);
      await events[channel].waitUntilReady();
      return await job.waitUntilFinished(events[channel]);
    },
    async find(id) {
      const job = await queues.celery.getJob(id);
      return job && await job.isCompleted() ? job.returnvalue : undefined;
    },
    pause: () => queues.celery.pauseAsync(),
    resume: () => queues.celery.resumeAsync(),
    stored: () => count.get().stored,
  };
}

const [what, argument] = process.argv.slice(2);
if (what === "serve") {
  const { serve } = await import("../js/serve.mjs");
  const app = await serve(open, { celery: 100, high_priority: 4 });
  // A backlog is answered when it is stored, which may take longer than a connection is kept by default.
  Bun.serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(argument), idleTimeout: 0 });
} else {
  await drive(open, what, argument);
}
