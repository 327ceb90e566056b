/**
 * Locks: a name that one run holds at a time, in all processes. A lock is one row with its owner and the wall-clock
 * time at which it is free whatever becomes of the owner; taking, renewing and releasing it are commits that check the
 * row. The fencing token is the versionstamp of the commit that took the lock: the database's versionstamps only grow,
 * so no counter has to outlive the row.
 *
 * @module
 */
import { Bell, POLL } from "../ground/bell.ts";
import { TEN_YEARS } from "../ground/clock.ts";
import { readUntilAnswered } from "../commit/lane.ts";
import { LockNotHeldError, LockTimeoutError } from "../ground/errors.ts";
import type { Lock, LockOptions } from "../task/define.ts";
import type { Sight } from "../task/read.ts";
import type { LockRow } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import type { Entry, Key } from "../store/port.ts";
import { del, put } from "../rows/unit.ts";
import { timeUntil } from "../ground/wall_clock.ts";
import type { ThisRun } from "./this_run.ts";

/** The locks of one run. */
export class RunLocks {
  #held = new Set<HeldLock>();
  #over = false;

  constructor(readonly owner: ThisRun) {}

  /** See `TaskContext.lock`. */
  async take(name: string, { ttl, wait = 0 }: LockOptions): Promise<Lock> {
    checkName(name);
    checkSeconds(name, "ttl", ttl, false);
    checkSeconds(name, "wait", wait, true);
    const { engine, signal } = this.owner;
    const end = engine.clock.monotonic() + wait * 1000;
    const bell = new Bell(engine.clock);
    const ring = () => bell.ring();
    const leave = engine.locks.wait(name, bell);
    let unwatch: (() => void) | null = null;
    signal.addEventListener("abort", ring);
    try {
      for (;;) {
        signal.throwIfAborted();
        const { lock, free, row } = await this.#try(name, ttl);
        if (lock) return lock;
        const left = end - engine.clock.monotonic();
        if (left <= 0) throw new LockTimeoutError(name, wait);
        unwatch ??= engine.locks.lookout.watch([row], bell);
        // Looks anew now and then although the row stays as it is, because the wall clock may leap.
        await bell.wait(Math.min(POLL.last, left, free));
      }
    } finally {
      unwatch?.();
      signal.removeEventListener("abort", ring);
      leave();
    }
  }

  /** Refuses the handler more locks, because the run has ended. */
  close(): void {
    this.#over = true;
  }

  /** Releases all locks. Called once the run's end is stored, so that the next owner of a lock sees it. */
  releaseAll(): void {
    // A lock that cannot be released is free when its time is over.
    for (const lock of this.#held) lock.release().catch(() => {});
  }

  /** Takes the lock, or tells in how many milliseconds it is free. */
  async #try(name: string, ttl: number): Promise<{ lock: Lock | null; free: number; row: Sight }> {
    const { engine, record } = this.owner;
    const key = engine.keys.lock(name);
    const [entry] = await readUntilAnswered(engine.store, engine.clock, [key]);
    const free = entry ? timeLeft(entry, engine.clock.now()) : 0;
    const row: Sight = { key, versionstamp: entry?.versionstamp ?? null };
    if (free > 0) return { lock: null, free, row };
    if (this.#over) throw new LockNotHeldError(name);
    const taken: LockRow = { owner: record.id, ttl, expiresAt: engine.clock.now() + ttl * 1000 };
    const versionstamp = await this.owner.commit({
      checks: [row],
      mutations: [put(key, taken)],
    });
    if (versionstamp === null) return { lock: null, free: 1, row };
    const lock = new HeldLock(this.owner, name, versionstamp, taken, (gone) => this.#held.delete(gone));
    this.#held.add(lock);
    if (!this.#over) return { lock, free, row };
    // The run ended while the commit was on its way.
    await lock.release();
    throw new LockNotHeldError(name);
  }
}

class HeldLock implements Lock {
  readonly #key: Key;
  #versionstamp: string | null;
  #row: LockRow;
  /** The latest renewal or release. Each waits for the one before, because it checks what that has written. */
  #last: Promise<void> = Promise.resolve();

  constructor(
    readonly owner: ThisRun,
    readonly name: string,
    readonly token: string,
    row: LockRow,
    readonly gone: (lock: HeldLock) => void,
  ) {
    this.#key = owner.engine.keys.lock(name);
    this.#versionstamp = token;
    this.#row = row;
  }

  renew(ttl?: number): Promise<void> {
    return this.#next(() => this.#renew(ttl));
  }

  release(): Promise<void> {
    return this.#next(() => this.#release());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  #next(work: () => Promise<void>): Promise<void> {
    return this.#last = this.#last.then(work, work);
  }

  async #renew(ttl: number = this.#row.ttl): Promise<void> {
    checkSeconds(this.name, "ttl", ttl, false);
    const { engine } = this.owner;
    const row = { ...this.#row, ttl, expiresAt: engine.clock.now() + ttl * 1000 };
    const versionstamp = this.#versionstamp;
    if (versionstamp === null) throw new LockNotHeldError(this.name);
    this.#versionstamp = await this.owner.commit({
      checks: [{ key: this.#key, versionstamp }],
      mutations: [put(this.#key, row)],
    });
    if (this.#versionstamp !== null) this.#row = row;
    else {
      this.gone(this);
      throw new LockNotHeldError(this.name);
    }
  }

  async #release(): Promise<void> {
    const versionstamp = this.#versionstamp;
    if (versionstamp === null) return;
    this.#versionstamp = null;
    this.gone(this);
    await this.owner.commit({
      checks: [{ key: this.#key, versionstamp }],
      mutations: [del(this.#key)],
    });
    this.owner.engine.locks.released(this.name);
  }
}

/** Milliseconds until the lock of this row is free even if its owner does nothing. */
export function timeLeft(entry: Entry, now: number): number {
  const { expiresAt, ttl } = decode<LockRow>(entry.value);
  return timeUntil(expiresAt, ttl * 1000, now);
}

function checkName(name: string): void {
  if (typeof name === "string" && name !== "" && name.length <= 200 && name.isWellFormed()) return;
  throw new TypeError(
    `Cannot lock as the name must be a text of 1 to 200 characters of well-formed Unicode: current value is ${name}`,
  );
}

function checkSeconds(name: string, option: string, value: number, zero: boolean): void {
  if (typeof value === "number" && (zero ? value >= 0 : value > 0) && value <= TEN_YEARS) return;
  throw new RangeError(
    `Cannot lock '${name}' as '${option}' must be ${zero ? "0 or more seconds" : "seconds above 0"} ` +
      `and at most ten years: current value is ${value}`,
  );
}
