/**
 * The program that the platform runs: one instance, as `main.ts` puts it together on Deno Deploy.
 *
 * @module
 */
import {
  type AnyTaskDefinition,
  type Clock,
  type CodeSchedule,
  createQueue,
  type OnEvent,
  type Random,
  type Store,
} from "../../queue/mod.ts";
import { createApp } from "../../routes/mod.ts";

/** What an instance gives its program. */
export interface Machine {
  /** Its own connection to the database. */
  readonly store: Store;
  /** Its own clocks. */
  readonly clock: Clock;
  readonly random: Random;
  readonly definitions: readonly AnyTaskDefinition[];
  readonly schedules: readonly CodeSchedule[];
  readonly onEvent: OnEvent;
}

/** A program that was started. */
export interface Program {
  fetch(request: Request): Promise<Response>;
  /** The cron's handler. */
  cron(): Promise<void>;
  /** SIGINT. Resolves when the program exits. */
  stop(): Promise<void>;
}

/** Starts a program. */
export type Deployment = (machine: Machine) => Promise<Program>;

/** What a countermeasure's test may change. */
interface Composition {
  /** Slots per channel. */
  readonly channels: Readonly<Record<string, number>>;
  /** Seconds that the cron's handler may work. */
  readonly tick: number;
}

const COMPOSITION: Composition = { channels: { default: 16, celery: 16 }, tick: 50 };

/** Sluice. */
export async function sluice(machine: Machine, changes: Partial<Composition> = {}): Promise<Program> {
  const { channels, tick } = { ...COMPOSITION, ...changes };
  const { onEvent } = machine;
  const queue = createQueue({ ...machine, channels, threads: 0, onDemand: true });
  const app = createApp({ queue, demo: false });
  await queue.start();
  return {
    fetch: async (request) => await app.fetch(request),
    cron: async () => {
      const failed = (error: unknown) => onEvent({ type: "fault", message: "The tick failed", error });
      await queue.tick({ seconds: tick }).catch(failed);
    },
    stop: () => queue.stop(3.5),
  };
}
