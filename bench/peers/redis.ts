/**
 * A Redis for one measurement.
 *
 * @module
 */
import { freePort, Service } from "../service.ts";
import { runs } from "./peer.ts";

/** What of a task is on the disk when it is accepted. */
export type Persistence = "always" | "none";

/** A Redis's storage, in the words of the tables. */
export const STORAGE: Readonly<Record<Persistence, string>> = {
  always: "Redis, AOF always",
  none: "Redis, in memory",
};

const OPTIONS: Readonly<Record<Persistence, string[]>> = {
  always: ["--save", "", "--appendonly", "yes", "--appendfsync", "always"],
  none: ["--save", "", "--appendonly", "no"],
};

/** Starts a Redis with an empty database in the folder. */
export async function startRedis(
  persistence: Persistence,
  folder: string,
): Promise<{ redis: Service; port: number }> {
  const port = freePort();
  const redis = new Service("redis-server", [
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder],
    ...OPTIONS[persistence],
  ], { cwd: folder });
  try {
    await redis.says("Ready to accept connections");
  } catch (error) {
    await redis.kill();
    throw error;
  }
  return { redis, port };
}

/** What is missing to start one. */
export async function lackingRedis(): Promise<string[]> {
  return await runs("redis-server", "--version") ? [] : ["Redis 7: apt-get install redis-server"];
}
