/**
 * Sluice as a real process: `main.ts` as `deno task start` runs it, with a database and a log in a folder.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Connection } from "./connection.ts";
import { pause } from "./pause.ts";
import { ROOT } from "./workplace.ts";

/** Milliseconds that a server is given to start. */
const START_DEADLINE = 30_000;

const LISTENS = /Sluice listens on http:\/\/127\.0\.0\.1:(\d+)/;

const running = new Set<Server>();

/** Kills every server that this process has started and that still runs. */
export function endServers(): void {
  for (const server of running) server.kill("SIGKILL");
}

/** What a server runs with. */
interface ServerOptions {
  /** Folder of its database and log. */
  readonly folder: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** The log's name, for several lives in one folder. @default {"server.log"} */
  readonly log?: string;
}

/** The flags that `deno task start` gives to V8. */
export const V8_FLAGS: readonly string[] =
  /--v8-flags=\S+/.exec(readFileSync(join(ROOT, "deno.json"), "utf8"))?.slice(0, 1) ?? [];

/** A started process. */
export class Server {
  readonly kvPath: string;
  readonly logPath: string;
  /** When it was spawned, on this process's monotonic clock. */
  readonly spawnedAt: number;
  /** Resolves when it has ended, to its exit code; `null` when a signal ended it. */
  readonly exited: Promise<number | null>;
  readonly #process: ChildProcess;
  #exitCode: number | null | undefined;

  constructor({ folder, settings = {}, log = "server.log" }: ServerOptions) {
    this.kvPath = join(folder, "sluice.kv");
    this.logPath = join(folder, log);
    const file = openSync(this.logPath, "a");
    this.spawnedAt = performance.now();
    this.#process = spawn("deno", [
      "run",
      "-q",
      "--cached-only",
      ...V8_FLAGS,
      "-P=server",
      `--allow-write=${folder}`,
      join(ROOT, "main.ts"),
    ], {
      cwd: ROOT,
      env: { ...passedOn(), PORT: "0", KV_PATH: this.kvPath, ...settings },
      stdio: ["ignore", file, file],
    });
    closeSync(file);
    running.add(this);
    this.exited = new Promise((resolve, reject) => {
      this.#process.once("error", reject);
      this.#process.once("exit", (code) => {
        this.#exitCode = code;
        running.delete(this);
        resolve(code);
      });
    });
    this.exited.catch(() => running.delete(this));
  }

  /** Starts one with so many slots for the tasks that add numbers, which do not wait, and its log at `info`. */
  static logging(folder: string, slots: number): Server {
    const settings = { DEMO_TIME_SCALE: "0", LOG_LEVEL: "info", CHANNELS: `celery=${slots}` };
    return new Server({ folder, settings });
  }

  /** Its exit code, `null` when a signal ended it, `undefined` while it runs. */
  get exitCode(): number | null | undefined {
    return this.#exitCode;
  }

  /** Resolves to the port as soon as it listens. @throws when it ends or takes too long */
  async listening(): Promise<number> {
    while (performance.now() - this.spawnedAt < START_DEADLINE) {
      const port = LISTENS.exec(this.log())?.[1];
      if (port !== undefined) return Number(port);
      if (this.#exitCode !== undefined) break;
      await pause(2);
    }
    throw new Error(`The server does not listen: ${this.log()}`);
  }

  /** A connection to it. */
  async connect(): Promise<Connection> {
    return await Connection.open(await this.listening());
  }

  /** What it has logged. */
  log(): string {
    return Deno.readTextFileSync(this.logPath);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** Resident memory in MB (10^6 bytes). */
  memory(): Promise<number> {
    return memoryOf(this.pid);
  }

  /** Processor seconds that it has used, to a hundredth; `NaN` where there is no `/proc`. */
  async processorSeconds(): Promise<number> {
    // ps tells whole seconds only.
    const [user, system] = (await procOf(this.pid, "stat")).split(") ").at(-1)!.split(" ").slice(11, 13);
    return (Number(user) + Number(system)) / 100;
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    this.#process.kill(signal);
  }

  /** Stops it gracefully. @throws when it does not come to its end */
  async stop(): Promise<void> {
    this.kill("SIGTERM");
    await this.exited;
    // No exit code: Deno's node:child_process gives none to a process that was sent a signal.
    const last = this.log().trimEnd().split("\n").at(-1)!;
    if (!last.includes('"message":"stopped"')) throw new Error(`The server did not stop well: ${last}`);
  }
}

/** Resident memory of a process in MB (10^6 bytes). */
export async function memoryOf(pid: number): Promise<number> {
  return Number(await toldOf(pid, "rss")) * 1024 / 1e6;
}

/** Of a process's resident memory in MB what is no file's, and so is its own; `NaN` where there is no `/proc`. */
export async function ownMemoryOf(pid: number): Promise<number> {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(await procOf(pid, "status"))?.[1]) * 1024 / 1e6;
}

/** A file of Linux's `/proc` about a process. */
async function procOf(pid: number, name: string): Promise<string> {
  // Deno reads /proc with all permissions only.
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/${name}`], stderr: "null" })
    .output();
  return new TextDecoder().decode(stdout);
}

/** What `ps` tells of a process. */
async function toldOf(pid: number, column: string): Promise<string> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", `${column}=`, "-p", String(pid)] }).output();
  const text = new TextDecoder().decode(stdout).trim();
  if (!(Number(text) >= 0) || text === "") throw new Error(`Cannot read a process's ${column} with ps`);
  return text;
}

/** What Deno itself needs; a setting of this environment must not change what is measured. */
export function passedOn(): Record<string, string> {
  const needed = ["PATH", "HOME", "DENO_DIR", "XDG_CACHE_HOME"];
  return Object.fromEntries(
    needed.map((name) => [name, Deno.env.get(name) ?? ""]).filter(([, value]) => value),
  );
}

/** Resolves when nothing waits and nothing runs any more. @throws when nothing moves for half a minute */
export async function untilIdle(connection: Connection): Promise<void> {
  let last = "";
  let changedAt = performance.now();
  for (;;) {
    const { channels } = await connection.json("GET", "/v1/channels");
    const open = (channels as Record<string, number>[]).map(({ name, ready, delayed, blocked, running }) => ({
      name,
      open: ready! + delayed! + blocked! + running!,
    })).filter(({ open }) => open > 0);
    if (open.length === 0) return;
    const now = JSON.stringify(open);
    if (now !== last) [last, changedAt] = [now, performance.now()];
    if (performance.now() - changedAt > 30_000) throw new Error(`Stalled for 30 s with ${now}`);
    await pause(20);
  }
}
