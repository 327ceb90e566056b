/**
 * Redis and a Celery worker as processes of this one.
 *
 * @module
 */
import { join } from "node:path";
import { freePort, Service } from "../service.ts";

const FOLDER = import.meta.dirname!;

/** A Redis of its own, in memory, and the programs that use it. */
export class Celery implements AsyncDisposable {
  readonly #env: Readonly<Record<string, string>>;

  private constructor(readonly python: string, readonly redis: Service, env: Record<string, string>) {
    this.#env = env;
  }

  /** @param env settings of `orders.py` */
  static async start(python: string, folder: string, env: Record<string, string>): Promise<Celery> {
    const port = freePort();
    const listen = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
    const redis = new Service("redis-server", [...listen, "--save", "", "--appendonly", "no"], {
      cwd: folder,
    });
    await redis.says("Ready to accept connections");
    return new Celery(python, redis, { REDIS_URL: `redis://127.0.0.1:${port}/0`, ...env });
  }

  /** Starts a worker of one process beside its main one; resolves when it waits for tasks. */
  async worker(): Promise<Service> {
    const args = ["-m", "celery", "-A", "orders", "worker", "--concurrency", "1", "--loglevel", "INFO"];
    const worker = new Service(this.python, args, { cwd: FOLDER, env: this.#env });
    await worker.says(" ready.");
    return worker;
  }

  /** Runs `orders.py` and returns what it prints. */
  async run(...args: string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command(this.python, {
      args: [join(FOLDER, "orders.py"), ...args],
      cwd: FOLDER,
      env: { ...this.#env, PYTHONDONTWRITEBYTECODE: "1" },
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.redis.kill();
  }
}
