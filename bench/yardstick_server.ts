/**
 * A server of this folder as a process: one that does nothing but answer, or not even that. The
 * difference to Sluice's figures is Sluice's own.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { ROOT } from "./workplace.ts";

/** A started process that prints its port and ends with its standard input. */
export class YardstickServer implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;

  private constructor(process: Deno.ChildProcess, readonly port: number) {
    this.#process = process;
  }

  /**
   * Starts it and waits until it listens.
   *
   * @param program its file in this folder
   * @param database what it may write to, told to it as its argument
   */
  static async start(program: string, database?: string): Promise<YardstickServer> {
    const permissions = ["--allow-net=127.0.0.1"];
    if (database !== undefined) {
      const folder = dirname(database);
      // `inside.ts` looks for the engine's files by itself.
      permissions.push(`--allow-read=${folder},${join(ROOT, "queue")}`, `--allow-write=${folder}`);
    }
    const process = new Deno.Command("deno", {
      args: [
        "run",
        "-q",
        ...permissions,
        join(ROOT, "bench", program),
        ...database === undefined ? [] : [database],
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const { value } = await process.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
    return new YardstickServer(process, Number(value));
  }

  get pid(): number {
    return this.#process.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.close();
    await this.#process.status;
  }
}
