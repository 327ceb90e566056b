/**
 * BullMQ on Node: `node main.mjs serve <port>`, or a scenario of `drive.mjs`. The environment says where Redis is.
 *
 * @module
 */
import process from "node:process";
import { Queue, QueueEvents, Worker } from "bullmq";
import { drive } from "../js/drive.mjs";

const connection = { host: "127.0.0.1", port: Number(process.env.REDIS_PORT) };
/** Results stay for a day, as with the others. */
const keep = { removeOnComplete: { age: 86_400 }, removeOnFail: { age: 86_400 } };
const CHANNEL = { important: "high_priority" };

async function open({ slots, run, finished }) {
  const queues = {}, workers = {}, events = {};
  for (const [channel, concurrency] of Object.entries(slots)) {
    queues[channel] = new Queue(channel, { connection });
    workers[channel] = new Worker(channel, (job) => run(job.name, ...job.data), { connection, concurrency });
    workers[channel].on("completed", finished);
    await workers[channel].waitUntilReady();
  }
  return {
    submit: (name, x, y) => queues[CHANNEL[name] ?? "celery"].add(name, [x, y], keep),
    submitAll: (first, count) =>
      queues.celery.addBulk(
        Array.from({ length: count }, (_, i) => ({ name: "add", data: [first + i, 1], opts: keep })),
      ),
    async result(job) {
      const channel = job.queueName;
      events[channel] ??= new QueueEvents(channel, { connection });
      await events[channel].waitUntilReady();
      return await job.waitUntilFinished(events[channel]);
    },
    async find(id) {
      const job = await queues.celery.getJob(id);
      return job && await job.isCompleted() ? job.returnvalue : undefined;
    },
    pause: () => queues.celery.pause(),
    resume: () => queues.celery.resume(),
    stored: () => queues.celery.getCompletedCount(),
  };
}

const [what, argument] = process.argv.slice(2);
if (what === "serve") {
  const { serve: listen } = await import("@hono/node-server");
  const { serve } = await import("../js/serve.mjs");
  const app = await serve(open, { celery: 100, high_priority: 4 });
  listen({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(argument) });
} else {
  await drive(open, what, argument);
}
