/**
 * The rules of the platform that the simulator plays: Deno Deploy. Each has a switch.
 *
 * @module
 */

/** What the platform does to a program. Times in milliseconds, shares of 1. */
export interface Rules {
  /** An instance without an open request is stopped after so long; its timers do not keep it. `Infinity`: never. */
  readonly idle: number;
  /** From SIGINT to SIGKILL. */
  readonly grace: number;
  /** Mean life of an instance until it is evicted, with requests open or not. `Infinity`: never. */
  readonly eviction: number;
  /** Mean life of an instance until it dies without a signal: out of memory, a machine lost. `Infinity`: never. */
  readonly crash: number;
  /** Whether the cron runs at each full minute (UTC), unless its former run goes on. It starts an instance if none lives. */
  readonly cron: boolean;
  /** How late the cron is at most. */
  readonly cronLate: number;
  /** Minutes that the cron misses. */
  readonly cronMissed: number;
  /** From the start of an instance to its first request. */
  readonly coldStart: number;
  /** Instances at once. They share nothing but the database. */
  readonly instances: number;
  /** Open requests of each instance beyond which another one is started. */
  readonly crowd: number;
  /** How far the wall clock of an instance may be off, either way. */
  readonly clockError: number;
  /** From asking the database to its answer; split at random between the two ways, so that requests overtake each other. */
  readonly latency: number;
  /** Checks that the database takes in one commit. */
  readonly checks: number;
  /** Whether the database carries messages: `enqueue` and `listenQueue`. */
  readonly queues: boolean;
  /** Requests to the database that are answered 5xx, not applied; its client repeats them. */
  readonly failed: number;
  /** Commits that are applied, their answers lost; the client repeats them, and hears what the second one meets. */
  readonly repeated: number;
  /** Commits that are applied, and never answered. */
  readonly lost: number;
  /** Commits that are under way for longer than anybody waits, and are applied then. */
  readonly stray: number;
}

/** Deno Deploy, with a database that misbehaves more often than any real one. */
export const DEPLOY: Rules = {
  idle: 5000,
  grace: 5000,
  eviction: 10 * 60_000,
  crash: 2 * 3_600_000,
  cron: true,
  cronLate: 1000,
  cronMissed: 0.002,
  coldStart: 300,
  instances: 4,
  crowd: 2,
  clockError: 500,
  latency: 100,
  checks: 10,
  queues: false,
  failed: 0.005,
  repeated: 0.003,
  lost: 0.001,
  stray: 0.001,
};

/** No accidents: instances come and go by traffic alone, and the database does what it should. */
export const CALM = {
  eviction: Infinity,
  crash: Infinity,
  cronMissed: 0,
  failed: 0,
  repeated: 0,
  lost: 0,
  stray: 0,
} satisfies Partial<Rules>;

/** Deno Deploy on a day without accidents. */
export const FAIR: Rules = { ...DEPLOY, ...CALM };
