/**
 * Keeps this process registered: registers it before its first commit, shows every few seconds that it lives, looks
 * after the other workers, and registers anew when others judged it lost.
 *
 * @module
 */
import type { Base, Signals } from "../engine.ts";
import { StoreBrokenError } from "../ground/errors.ts";
import { LaneGone } from "../commit/lane.ts";
import type { WorkerRow } from "../rows/record.ts";
import { register, type Registration } from "./registration.ts";
import { Rescuer } from "./rescuer.ts";

/** The process's standing in the store. */
export class Membership {
  readonly rescuer: Rescuer;
  #registration: Registration | null = null;
  #registering: Promise<void> | null = null;
  #cancel: (() => void) | null = null;
  #beating: Promise<void> = Promise.resolve();
  #showing: Promise<boolean> | null = null;
  #looking: Promise<void> | null = null;
  #stopped = false;
  /** It did not beat when it was time to, as there was no need. */
  #rested = false;
  #lastBeat = -Infinity;
  /** Monotonic time since which there was no gap between heartbeats. */
  #steadySince = -Infinity;

  /**
   * @param row what the worker entry says
   * @param onLost the registration of this worker is gone: end its runs
   * @param onBeat called after each heartbeat
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

  /** Registers unless that is done. After a rest it shows first that the process lives: others may have judged it lost. */
  ensure(): Promise<void> | undefined {
    if (!this.#registration) return this.#registering ??= this.#register();
    if (!this.#rested || this.engine.clock.monotonic() - this.#lastBeat < 3 * this.interval) return;
    return this.#wake();
  }

  /** Gives back what lost workers left behind, now. */
  rescue(): Promise<void> {
    return this.rescuer.runOnce(
      this.worker,
      this.#rested ? this.engine.clock.monotonic() : this.#steadySince,
    );
  }

  /** Judged lost: the former worker is dropped and a new one registered. */
  fenced(worker: string): void {
    if (this.#registration?.worker !== worker || this.#stopped) return;
    this.#registration = null;
    this.engine.emit({ type: "fenced", worker });
    this.onLost(worker);
    this.#registering = this.#register();
    this.#registering.catch(this.onBroken);
  }

  /** Leaves the store. Nothing may be in flight. */
  async retire(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#registering;
    await this.#showing;
    await this.#beating;
    await this.#looking;
    await this.#registration?.retire();
  }

  /** Stops the heartbeat without a word to the store, as a crash would. */
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
    // No heartbeat waits for a rescue: a long one must not cost the rescuer its own standing.
    this.#looking ??= this.#look().finally(() => this.#looking = null);
  }

  /** @returns whether the heartbeat landed */
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
