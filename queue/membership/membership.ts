/**
 * Membership: keeps this process registered. Registers it before its first commit, sends a heartbeat every few seconds,
 * has lost workers rescued after each heartbeat, and registers the process anew when others have judged it lost.
 *
 * @module
 */
import type { Base, Signals } from "../engine.ts";
import { StoreBrokenError } from "../ground/errors.ts";
import { LaneGone } from "../commit/lane.ts";
import type { WorkerRow } from "../rows/record.ts";
import { register, type Registration } from "./registration.ts";
import { Rescuer } from "./rescuer.ts";

/** This process among the workers of a store. */
export class Membership {
  readonly rescuer: Rescuer;
  #registration: Registration | null = null;
  #registering: Promise<void> | null = null;
  #cancel: (() => void) | null = null;
  #beating: Promise<void> = Promise.resolve();
  #showing: Promise<boolean> | null = null;
  #looking: Promise<void> | null = null;
  #stopped = false;
  /** Whether the last due heartbeat was left out: the process had no work, so others might judge it lost. */
  #rested = false;
  #lastBeat = -Infinity;
  /** Monotonic time since which there was no gap between this process's heartbeats. */
  #steadySince = -Infinity;

  /**
   * @param row makes the worker entry
   * @param onLost called when a worker of this process was judged lost: ends its runs
   * @param onBeat called after a heartbeat and the rescue that follows it
   * @param onBroken called when the store can serve no more
   * @param isNeeded whether others must not judge this process lost now
   */
  constructor(
    readonly engine: Base & Signals,
    readonly row: () => WorkerRow,
    readonly onLost: (worker: string) => void,
    readonly onBeat: () => Promise<void>,
    readonly onBroken: (error: Error) => void,
    readonly isNeeded: () => boolean,
  ) {
    this.rescuer = new Rescuer(engine);
  }

  /** The worker id; empty before the first registration. */
  get worker(): string {
    return this.#registration?.worker ?? "";
  }

  /** The workers that execute a channel and are known to live, this one among them, in an order that all agree on. */
  peers(channel: string): readonly string[] {
    return [this.worker, ...this.rescuer.executing(channel)].sort();
  }

  /** Milliseconds between two heartbeats. */
  get interval(): number {
    return this.engine.settings.workerLostAfter * 1000 / 5;
  }

  /** Monotonic time of the last heartbeat that landed. */
  get lastBeat(): number {
    return this.#lastBeat;
  }

  /**
   * Registers this process unless it is registered. After a rest of three heartbeats or more, sends a heartbeat, which
   * shows whether others have judged the process lost meanwhile.
   *
   * @returns resolves when the process may commit; `undefined`: at once
   */
  ensure(): Promise<void> | undefined {
    if (!this.#registration) return this.#registering ??= this.#register();
    if (!this.#rested || this.engine.clock.monotonic() - this.#lastBeat < 3 * this.interval) return;
    return this.#wake();
  }

  /** Rescues the tasks of lost workers now. */
  rescue(): Promise<void> {
    return this.rescuer.runOnce(
      this.worker,
      this.#rested ? this.engine.clock.monotonic() : this.#steadySince,
    );
  }

  /** Drops a worker of this process that others have judged lost, and registers a new one. */
  fenced(worker: string): void {
    if (this.#registration?.worker !== worker || this.#stopped) return;
    this.#registration = null;
    this.engine.emit({ type: "fenced", worker });
    this.onLost(worker);
    this.#registering = this.#register();
    this.#registering.catch(this.onBroken);
  }

  /** Ends the registration. No commit may be in flight. */
  async retire(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#registering;
    await this.#showing;
    await this.#beating;
    await this.#looking;
    await this.#registration?.retire();
  }

  /** Stops the heartbeat and leaves the registration in the store, as a crash would. */
  abandon(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #register(): Promise<void> {
    const { engine } = this;
    const { store, keys, clock } = engine;
    const registration = await register(store, keys, clock, `w-${engine.nextId()}`, this.row());
    this.#registration = registration;
    this.#lastBeat = this.#steadySince = clock.monotonic();
    engine.committer.admit(registration);
    engine.emit({ type: "registered", worker: registration.worker });
    this.#schedule();
  }

  #schedule(): void {
    this.#cancel?.();
    if (this.#stopped) return;
    this.#cancel = this.engine.clock.after(this.interval, () => {
      this.#beating = this.#beat().finally(() => this.#schedule());
    });
  }

  async #wake(): Promise<void> {
    await this.#show();
    await this.#registering;
  }

  async #beat(): Promise<void> {
    this.#rested = !this.isNeeded();
    if (this.#rested || !await this.#show()) return;
    // The next heartbeat does not wait for the rescue: a long rescue must not make this process seem lost.
    this.#looking ??= this.#look().finally(() => this.#looking = null);
  }

  /** Sends a heartbeat, or joins the one in flight. @returns whether it landed */
  #show(): Promise<boolean> {
    return this.#showing ??= this.#send().finally(() => this.#showing = null);
  }

  async #send(): Promise<boolean> {
    const registration = this.#registration;
    if (!registration) return false;
    try {
      await registration.beat();
    } catch (error) {
      if (error instanceof LaneGone) this.engine.committer.fenced(registration.worker);
      else this.#failed(error);
      return false;
    }
    const now = this.engine.clock.monotonic();
    if (now - this.#lastBeat > 2 * this.interval) this.#steadySince = now;
    this.#lastBeat = now;
    return true;
  }

  async #look(): Promise<void> {
    try {
      await this.rescue();
      await this.onBeat();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (error instanceof StoreBrokenError) this.onBroken(error);
    else this.engine.emit({ type: "fault", message: "Heartbeat could not look after the others", error });
  }
}
