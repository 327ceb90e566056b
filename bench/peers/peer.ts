/**
 * A peer: a queue system as it is installed, asked the same things as every other.
 *
 * @module
 */
import { Connection } from "../connection.ts";
import { pause } from "../pause.ts";
import type { Service } from "../service.ts";
import { ROOT } from "../workplace.ts";

/** Milliseconds that a server is given to answer. */
const START_DEADLINE = 30_000;
/** Milliseconds that a measurement may take. */
const LONGEST = 600_000;

/** A queue system with one kind of storage. */
export interface Peer {
  /** What `--only` calls it; the same for all kinds of storage. */
  readonly system: string;
  readonly name: string;
  /** Where its tasks are when they are accepted. */
  readonly storage: string;
  /** How many tasks it runs at once, in words. */
  readonly slots: string;
  /** About the tasks a second that it does: decides how many are measured, nothing else. */
  readonly pace: number;
  /** What has to be installed and is not, each with the command that installs it. */
  lacking(): Promise<string[]>;
  /** Starts it for a scenario of `drive`, and resolves when that is warm. */
  drive(scenario: string, options: Readonly<Record<string, unknown>>, folder: string): Promise<Drive>;
  /** Starts it behind HTTP, and resolves when it answers. */
  serve(folder: string): Promise<Served>;
}

/** The slots of most scenarios, where a system has slots. */
export const SLOTS = { celery: 100, high_priority: 4 } as const;

/** A scenario that is ready to begin. */
export class Drive implements AsyncDisposable {
  readonly #service: Service;
  readonly #others: readonly Service[];

  private constructor(service: Service, others: readonly Service[]) {
    this.#service = service;
    this.#others = others;
  }

  /** @param others what works beside the program that drives */
  static async ready(service: Service, others: readonly Service[] = []): Promise<Drive> {
    const drive = new Drive(service, others);
    try {
      await service.says("ready", LONGEST);
    } catch (error) {
      await drive[Symbol.asyncDispose]();
      throw error;
    }
    return drive;
  }

  /** The processes that it began with. */
  get roots(): number[] {
    return [this.#service, ...this.#others].map(({ pid }) => pid);
  }

  /** Has it measure, and resolves to what it has found. */
  // deno-lint-ignore no-explicit-any -- each scenario prints what it finds
  async go(): Promise<any> {
    await this.#service.tell("go");
    return JSON.parse(await this.#service.says("{", LONGEST));
  }

  /** Lets it count what is stored. @throws when that is not what it said */
  async end(): Promise<void> {
    await this.#service.tell("end");
    await this.#service.success();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of [this.#service, ...this.#others]) await service.kill();
  }
}

/** A queue behind HTTP: `GET /add/1/2` submits, `GET /result/<id>` looks. */
export interface Served extends AsyncDisposable {
  readonly port: number;
  readonly roots: number[];
  /** Resolves when so many results are stored. @throws when nothing moves, or more are stored */
  stored(count: number): Promise<void>;
  /** Submits tasks that nobody takes. */
  backlog(count: number): Promise<void>;
  /** Ends it. @throws unless it holds so many results */
  end(count: number): Promise<void>;
}

/** Those whose app tells what is stored, and submits a backlog. */
export class ServedApp implements Served {
  private constructor(
    readonly port: number,
    readonly services: readonly Service[],
  ) {}

  static async answering(port: number, services: readonly Service[]): Promise<ServedApp> {
    for (const begin = performance.now(); performance.now() - begin < START_DEADLINE; await pause(5)) {
      try {
        (await Connection.open(port)).close();
        return new ServedApp(port, services);
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      }
    }
    const said = services.flatMap(({ lines }) => lines.slice(-20));
    for (const service of services) await service.kill();
    throw new Error(`Nobody listens: ${said.join("\n")}`);
  }

  get roots(): number[] {
    return this.services.map(({ pid }) => pid);
  }

  async stored(count: number): Promise<void> {
    let before = -1;
    for (let changedAt = performance.now(); performance.now() - changedAt < START_DEADLINE; await pause(20)) {
      const { stored } = await this.#ask("GET", "/stored");
      if (stored > count) throw new Error(`${stored} results are stored of ${count} tasks`);
      if (stored === count) return;
      if (stored !== before) [before, changedAt] = [stored, performance.now()];
    }
    throw new Error(`Stalled with ${before} of ${count} results`);
  }

  async backlog(count: number): Promise<void> {
    await this.#ask("POST", `/backlog/${count}`);
  }

  async end(count: number): Promise<void> {
    await this.stored(count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of this.services) await service.kill();
  }

  /** Over a connection of its own: servers close those that were idle. */
  // deno-lint-ignore no-explicit-any -- the caller knows what it asked for
  async #ask(method: string, path: string): Promise<any> {
    const connection = await Connection.open(this.port);
    try {
      return await connection.json(method, path);
    } finally {
      connection.close();
    }
  }
}

/** Whether a command runs and ends well. */
export async function runs(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, cwd: ROOT }).output()).success;
  } catch {
    return false;
  }
}
