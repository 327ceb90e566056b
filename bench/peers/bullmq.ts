/**
 * BullMQ on Node with Redis; behind HTTP with Hono and `@hono/node-server`. One process submits and works.
 *
 * @module
 */
import { freePort, Service } from "../service.ts";
import { lackingPackages, packagesOf, placed } from "./javascript.ts";
import { Drive, type Peer, runs, ServedApp, SLOTS } from "./peer.ts";
import { lackingRedis, type Persistence, startRedis, STORAGE } from "./redis.ts";

/** BullMQ with one kind of Redis. */
export function bullmq(persistence: Persistence): Peer {
  const start = async (folder: string, ...args: string[]) => {
    const { redis, port } = await startRedis(persistence, folder);
    const node = new Service("node", [placed("bullmq"), ...args], {
      cwd: packagesOf("bullmq"),
      env: { REDIS_PORT: String(port) },
    });
    return { node, redis };
  };
  return {
    system: "bullmq",
    name: "BullMQ",
    storage: STORAGE[persistence],
    slots: `concurrency ${SLOTS.celery}`,
    pace: 8_000,
    async lacking() {
      const node = await runs("node", "--version") ? [] : ["Node 20: apt-get install nodejs npm"];
      return [...await lackingRedis(), ...node, ...lackingPackages("bullmq")];
    },
    async drive(scenario, options, folder) {
      const { node, redis } = await start(folder, scenario, JSON.stringify(options));
      return await Drive.ready(node, [redis]);
    },
    async serve(folder) {
      const port = freePort();
      const { node, redis } = await start(folder, "serve", String(port));
      return await ServedApp.answering(port, [node, redis]);
    },
  };
}
