/**
 * The program as `deno task start` runs it: `main.ts` as a process, with all that it writes.
 *
 * @module
 */
import { Child } from "../e2e/child.ts";

/** What `deno task start` sets, so that the client of the KV server keeps quiet in an outage. */
export const DENO_LOG = /DENO_LOG=(\S+)/.exec(
  JSON.parse(Deno.readTextFileSync(new URL("../../deno.json", import.meta.url))).tasks.start.command,
)![1]!;

/** One process of the program. */
export class Program extends Child {
  /** @param command `start` serves HTTP on a free port too */
  constructor(command: "start" | "worker", env: Record<string, string>) {
    const quiet = { LOG_FORMAT: "json", API_TOKEN: "", PORT: "0", DENO_LOG };
    super("../../main.ts", command === "start" ? [] : [command], { ...quiet, ...env });
  }

  /** Log lines with this message. */
  told(message: string): Record<string, unknown>[] {
    return this.said.filter((line) => line.message === message);
  }

  /** Resolves when the program has told this. */
  async hasTold(message: string): Promise<void> {
    await this.until(() => this.told(message).length > 0);
    if (this.told(message).length === 0) {
      throw new Error(`Ended without '${message}': ${this.lines.join("\n")}`);
    }
  }

  /** Where it listens. */
  async address(): Promise<string> {
    const line = () => this.said.find(({ message }) => String(message).startsWith("Sluice listens on "));
    await this.until(() => line() !== undefined);
    return String(line()?.message).slice("Sluice listens on ".length);
  }
}
