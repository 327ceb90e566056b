/**
 * Redis and a Celery worker as processes of this one.
 *
 * @module
 */
import { join } from "node:path";

const FOLDER = import.meta.dirname!;
/** Milliseconds that a process is given to be ready. */
const START_DEADLINE = 30_000;

/** Something that was started here, and says in its output when it is ready. */
export class Service implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#process = new Deno.Command(command, {
      args: [...args],
      cwd: FOLDER,
      env: { ...env, PYTHONDONTWRITEBYTECODE: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.all([this.#process.stdout, this.#process.stderr].map((out) => this.#read(out)));
  }

  /** Resolves to the first line that holds a text. @throws when there is none in time */
  async says(text: string, within = START_DEADLINE): Promise<string> {
    for (const begin = performance.now(); performance.now() - begin < within; await pause(20)) {
      const line = this.lines.find((line) => line.includes(text));
      if (line !== undefined) return line;
    }
    throw new Error(`No '${text}' in:\n${this.lines.join("\n")}`);
  }

  /** Kills it and the processes that it has started, with SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    const children = await childrenOf(this.#process.pid);
    for (const pid of [this.#process.pid, ...children]) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
    await this.#process.status;
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #read(out: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of out.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      this.lines.push(...parts);
    }
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "pid=", "--ppid", String(pid)] }).output();
  return new TextDecoder().decode(stdout).split("\n").map(Number).filter((child) => child > 0);
}

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
    const redis = new Service("redis-server", [...listen, "--save", "", "--appendonly", "no"]);
    await redis.says("Ready to accept connections");
    return new Celery(python, redis, { REDIS_URL: `redis://127.0.0.1:${port}/0`, ...env });
  }

  /** Starts a worker of one process beside its main one; resolves when it waits for tasks. */
  async worker(): Promise<Service> {
    const args = ["-m", "celery", "-A", "orders", "worker", "--concurrency", "1", "--loglevel", "INFO"];
    const worker = new Service(this.python, args, this.#env);
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

/** Milliseconds that have to pass by themselves: what is looked at belongs to another program. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
