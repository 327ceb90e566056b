/**
 * Sluice: the engine in a process for what needs no HTTP, and `main.ts` with its log at info for what does.
 *
 * @module
 */
import { join } from "node:path";
import { expectDone } from "../census.ts";
import type { Connection } from "../connection.ts";
import { passedOn, Server, untilIdle, V8_FLAGS } from "../server.ts";
import { Service } from "../service.ts";
import { ROOT } from "../workplace.ts";
import { Drive, type Peer, type Served, SLOTS } from "./peer.ts";

const TASK = "app.tasks.add";
const BATCH = 250;
const BATCHES = 4;

/** Sluice on a database file. */
export const sluice: Peer = {
  system: "sluice",
  name: "Sluice",
  storage: "Deno KV file, durable",
  slots: `${SLOTS.celery} slots`,
  pace: 20_000,
  lacking: () => Promise.resolve([]),
  drive: (scenario, options, folder) =>
    Drive.ready(
      new Service("deno", [
        ...["run", "-q", "--cached-only", ...V8_FLAGS, "-P=server", `--allow-write=${folder}`],
        ...[join(import.meta.dirname!, "sluice/main.ts"), scenario, JSON.stringify(options)],
      ], { cwd: ROOT, env: { ...passedOn(), KV_PATH: join(folder, "sluice.kv") } }),
    ),
  async serve(folder) {
    const server = new Server({
      folder,
      settings: {
        DEMO_TIME_SCALE: "0",
        LOG_LEVEL: "info",
        CHANNELS: Object.entries(SLOTS).map(([name, slots]) => `${name}=${slots}`).join(),
      },
    });
    const port = await server.listening();
    return new ServedSluice(server, port, await server.connect());
  },
};

class ServedSluice implements Served {
  constructor(readonly server: Server, readonly port: number, readonly connection: Connection) {}

  get roots(): number[] {
    return [this.server.pid];
  }

  /** Nothing waits or runs; how many there are is counted at the end. */
  async stored(): Promise<void> {
    await untilIdle(this.connection);
  }

  async backlog(count: number): Promise<void> {
    await this.connection.json("PATCH", "/v1/channels/celery", { body: { paused: true } });
    const connections = await Promise.all(Array.from({ length: BATCHES }, () => this.server.connect()));
    let left = count;
    await Promise.all(connections.map(async (connection) => {
      while (left > 0) {
        const size = Math.min(BATCH, left);
        left -= size;
        const tasks = Array.from({ length: size }, (_, i) => ({ name: TASK, args: [i, 1] }));
        await connection.json("POST", "/v1/tasks/batch", { body: { tasks } });
      }
      connection.close();
    }));
  }

  async end(count: number): Promise<void> {
    await this.stored();
    await this.server.stop();
    await expectDone(this.server.kvPath, TASK, count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection.close();
    this.server.kill("SIGKILL");
    await this.server.exited;
  }
}
