/**
 * A machine that one process runs on. It has clocks of its own, which leap and stand still, and a way to the store that
 * stops with it: between any two calls it can be suspended, or be gone without a word.
 *
 * @module
 */
import type { Clock } from "../../queue/mod.ts";
import type { Store } from "../../queue/store/port.ts";
import type { Time } from "./time.ts";

/** What happens to a machine at one of its calls to the store: before the call is sent, or before it is answered. */
interface Appointment {
  /** 1 is the next call. */
  readonly call: number;
  readonly moment: "before" | "after";
  readonly act: (machine: Machine) => void;
}

/** See the module's text. */
export class Machine {
  readonly clock: Clock;
  readonly store: Store;
  #state: "up" | "suspended" | "dead" = "up";
  /** Resolves when a suspended machine goes on. */
  #resumed = Promise.withResolvers<void>();
  /** What came due while it was suspended. */
  #due = new Set<() => void>();
  #suspendedAt = 0;
  /** Milliseconds that its monotonic clock has missed. */
  #missed = 0;
  #calls = 0;
  #appointments = new Set<Appointment>();
  #offset: number;
  #furthest: number;

  /**
   * @param store its way to the store, faults included
   * @param offset milliseconds that its wall clock is ahead
   */
  constructor(readonly time: Time, store: Store, offset: number) {
    this.#offset = this.#furthest = offset;
    this.clock = {
      now: () => time.now() + this.#offset,
      monotonic: () => (this.#state === "suspended" ? this.#suspendedAt : time.monotonic()) - this.#missed,
      after: (delay, run) => this.#after(this.clock.monotonic() + delay, run),
    };
    const { doorbell } = store;
    this.store = {
      ...store,
      getMany: (keys) => this.#call(() => store.getMany(keys)),
      list: (range, options) => this.#call(() => store.list(range, options)),
      commit: (checks, mutations) => this.#call(() => store.commit(checks, mutations)),
      close: () => {},
      doorbell: doorbell && {
        ring: (channel) => this.#call(() => doorbell.ring(channel)),
        listen: (channels, heard) =>
          doorbell.listen(channels, (channel) => this.#state === "up" && heard(channel)),
      },
    };
  }

  /** Whether it does anything. */
  get isUp(): boolean {
    return this.#state === "up";
  }

  get isDead(): boolean {
    return this.#state === "dead";
  }

  /** Milliseconds that its wall clock is ahead of the time. */
  get offset(): number {
    return this.#offset;
  }

  /** The largest that has been. */
  get furthest(): number {
    return this.#furthest;
  }

  /** Its wall clock is set forward, or back. */
  jump(milliseconds: number): void {
    this.#offset += milliseconds;
    this.#furthest = Math.max(this.#furthest, this.#offset);
  }

  /** Gone without a word: nothing is sent, answered or due any more. */
  kill(): void {
    this.#state = "dead";
  }

  /** It does nothing until `resume`, as after SIGSTOP. */
  suspend(): void {
    if (this.#state !== "up") return;
    this.#suspendedAt = this.time.monotonic();
    this.#state = "suspended";
  }

  /**
   * It goes on; what came due meanwhile is late.
   *
   * @param slept its monotonic clock has stood still, as that of a laptop does with its lid closed
   */
  resume(slept: boolean): void {
    if (this.#state !== "suspended") return;
    if (slept) this.#missed += this.time.monotonic() - this.#suspendedAt;
    this.#state = "up";
    this.#resumed.resolve();
    this.#resumed = Promise.withResolvers();
    const due = [...this.#due];
    this.#due.clear();
    for (const arm of due) arm();
  }

  /** Has something happen at a call to come. */
  appoint(appointment: Appointment): void {
    this.#appointments.add({ ...appointment, call: this.#calls + appointment.call });
  }

  /** Calls `run` at a time of its monotonic clock; late, if it is suspended then. */
  #after(at: number, run: () => void): () => void {
    let cancel = () => {};
    const arm = (): void => {
      if (this.#state === "dead") return;
      if (this.#state === "suspended") return void this.#due.add(arm);
      const left = at - this.clock.monotonic();
      if (left > 0) cancel = this.time.after(left, arm);
      else run();
    };
    cancel = this.time.after(at - this.clock.monotonic(), arm);
    return () => {
      cancel();
      this.#due.delete(arm);
    };
  }

  async #call<T>(send: () => Promise<T>): Promise<T> {
    const call = ++this.#calls;
    this.#meet(call, "before");
    await this.#running();
    try {
      return await send();
    } finally {
      this.#meet(call, "after");
      await this.#running();
    }
  }

  #meet(call: number, moment: Appointment["moment"]): void {
    for (const appointment of this.#appointments) {
      if (appointment.call !== call || appointment.moment !== moment) continue;
      this.#appointments.delete(appointment);
      if (this.#state === "up") appointment.act(this);
    }
  }

  async #running(): Promise<void> {
    while (this.#state !== "up") {
      if (this.#state === "dead") await new Promise<never>(() => {});
      await this.#resumed.promise;
    }
  }
}
