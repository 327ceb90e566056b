/**
 * Programs of others as processes of this one: Redis, Celery, Node, Bun.
 *
 * @module
 */
import { pause } from "./pause.ts";

/** Milliseconds that a process is given to be ready. */
const START_DEADLINE = 30_000;

const running = new Set<Service>();

/** Kills every service that this process has started and that still runs, with all that they have started. */
export function endServices(): void {
  for (const service of running) service.signal();
}

/** What a service runs with. */
interface ServiceOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Something that was started here, and says in its output when it is ready. */
export class Service implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<unknown>;
  #ended = false;

  constructor(command: string, args: readonly string[], { cwd, env = {} }: ServiceOptions) {
    this.#process = new Deno.Command(command, {
      args: [...args],
      cwd,
      env: { ...env, PYTHONDONTWRITEBYTECODE: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    running.add(this);
    this.#input = this.#process.stdin.getWriter();
    this.#reading = Promise.all([this.#process.stdout, this.#process.stderr].map((out) => this.#read(out)));
    this.#process.status.then(() => this.#ended = true);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Resolves to the first line that holds a text. @throws when it ends before, or there is none in time */
  async says(text: string, within = START_DEADLINE): Promise<string> {
    for (const begin = performance.now(); performance.now() - begin < within; await pause(2)) {
      const ended = this.#ended;
      if (ended) await this.#reading;
      const line = this.lines.find((line) => line.includes(text));
      if (line !== undefined) return line;
      if (ended) break;
    }
    throw new Error(`No '${text}' in:\n${this.lines.slice(-40).join("\n")}`);
  }

  /** Writes a line to its input. */
  async tell(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Resolves when it has ended. @throws when it did not end well */
  async success(): Promise<void> {
    const { success } = await this.#process.status;
    await this.#reading;
    if (!success) throw new Error(`It ended badly: ${this.lines.slice(-40).join("\n")}`);
  }

  /** Sends SIGKILL to it and to the processes that it has started. */
  signal(): void {
    for (const pid of this.#ended ? [] : familyOf([this.pid])) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
  }

  /** Kills it and the processes that it has started. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.signal();
    await this.#process.status;
    running.delete(this);
    await this.#input.close().catch(() => {});
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

/** Processes and all that they and their children have started, as `/proc` has it now. */
export function familyOf(roots: readonly number[]): number[] {
  const parents = new Map<number, number>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(Number(name));
    if (stat) parents.set(Number(name), Number(stat[1]));
  }
  const family = new Set(roots);
  for (const pid of family) {
    for (const [child, parent] of parents) if (parent === pid) family.add(child);
  }
  return [...family];
}

/** What `/proc/<pid>/stat` tells after the program's name; `null` when the process is gone. */
export function statOf(pid: number): string[] | null {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}

/** A port of this machine that nobody listens on. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
