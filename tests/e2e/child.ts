/**
 * A child process that speaks in lines.
 *
 * @module
 */

/** What the program runs with over a database file: on a free port, open to all, with a log in JSON. */
export function programEnv(path: string, more: Record<string, string> = {}): Record<string, string> {
  return { KV_PATH: path, PORT: "0", LOG_FORMAT: "json", API_TOKEN: "", ...more };
}

/** See the module's text. Killed when it is disposed of. */
export class Child implements AsyncDisposable {
  /** What it has said, without lines that were not finished. */
  readonly lines: string[] = [];
  #process: Deno.ChildProcess;
  #input: WritableStreamDefaultWriter<Uint8Array>;
  #ended = false;
  #looks = new Set<() => void>();
  #reading: Promise<void>;

  /** Runs a module of this repository with Deno, in the repository unless another folder is named. */
  constructor(
    module: string,
    args: readonly string[] = [],
    env: Record<string, string> = {},
    cwd: string = new URL("../..", import.meta.url).pathname,
  ) {
    const path = new URL(module, import.meta.url).pathname;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "--allow-all", path, ...args],
      cwd,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Writes a JSON value as a line. Lost when the process has ended. */
  async tell(value: unknown): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(value)}\n`)).catch(() => {});
  }

  /** The lines read so far as JSON values. */
  get said(): Record<string, unknown>[] {
    return this.lines.map((line) => JSON.parse(line));
  }

  /** Resolves as soon as the lines are so, or the process has ended. */
  async until(enough: (lines: readonly string[]) => boolean): Promise<void> {
    while (!enough(this.lines) && !this.#ended) {
      await new Promise<void>((resolve) => this.#looks.add(resolve));
    }
  }

  /** The address of a program that listens, as soon as it says so. */
  async listening(): Promise<string> {
    const said = () => this.lines.find((line) => line.includes("listens on"));
    await this.until(() => said() !== undefined);
    return /http:\/\/[\w.:]+/.exec(said()!)![0];
  }

  /** Kills it with SIGKILL and resolves when it is gone and all it said has been read. */
  async kill(): Promise<void> {
    if (!this.#ended) {
      try {
        this.#process.kill("SIGKILL");
      } catch {
        // It has ended by itself at this moment.
      }
    }
    await this.ended();
  }

  /** Stops it where it stands, with SIGSTOP. */
  suspend(): void {
    this.#process.kill("SIGSTOP");
  }

  /** Lets it go on after `suspend`. */
  resume(): void {
    this.#process.kill("SIGCONT");
  }

  /** Asks it to stop. */
  terminate(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): void {
    this.#process.kill(signal);
  }

  /** Ends its input, and tells how it ended. */
  async ended(): Promise<Deno.CommandStatus> {
    await this.#input.close().catch(() => {});
    await this.#reading;
    return await this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const text of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      this.lines.push(...parts);
      this.#wake();
    }
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const look of this.#looks) look();
    this.#looks.clear();
  }
}
