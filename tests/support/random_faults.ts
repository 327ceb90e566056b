/**
 * Faults at random: what `faulty_store.ts` does to one call on the test's word happens here to any call, at rates, from
 * a seed. One value serves all processes of a store, so that their commits can overtake each other.
 *
 * @module
 */
import type { Doorbell, Store } from "../../queue/store/port.ts";
import type { Dice } from "./dice.ts";
import { type CommitFault, type FaultyStore, faultyStore } from "./faulty_store.ts";

/**
 * What may happen to a call. Those of a commit are `CommitFault`'s, and
 *
 * ```text
 * overtaken  a commit waits until the next one, whoever's, has reached the store
 * unread     a read is answered with an error
 * stale      a read is asked at once and answered later
 * unheard    a hint through the store is lost
 * ```
 */
type RandomFault = CommitFault | "overtaken" | "unread" | "stale" | "unheard";

/** How often each one happens. */
export type FaultCounts = Record<RandomFault, number>;

/** The part of the calls that something happens to. */
interface FaultRates {
  readonly commits: number;
  readonly reads: number;
}

/** The clock of the network, which no process can change. */
interface NetworkTime {
  after(delay: number, run: () => void): unknown;
}

/** All kinds: commits' first. */
export const RANDOM_FAULTS: readonly RandomFault[] = [
  ...["failed", "lost", "late", "nothing", "repeated", "echoed", "held", "overtaken"] as const,
  ...["unread", "stale", "unheard"] as const,
];
const OF_COMMITS = RANDOM_FAULTS.slice(0, 8) as readonly (CommitFault | "overtaken")[];

/** Milliseconds until what is on its way arrives: most within a poll, some after the deadline of a commit. */
const DELAYS: readonly (readonly [number, number])[] = [[1, 300], [1, 300], [300, 5000], [9000, 25_000]];
/** Milliseconds after which a commit that nothing overtakes goes on. */
const UNOVERTAKEN = 500;

/** See the module's text. */
export class RandomFaults {
  /** How often each kind has happened. */
  readonly injected: FaultCounts = Object.fromEntries(
    RANDOM_FAULTS.map((fault) => [fault, 0]),
  ) as FaultCounts;
  /** Whether faults happen from now on; what is on its way arrives all the same. */
  active = true;
  /** Commits to be sent behind the next one. */
  #behind = new Set<() => void>();

  constructor(readonly dice: Dice, readonly rates: FaultRates, readonly time: NetworkTime) {}

  /** One process's way to the store. */
  wrap(inner: Store): Store {
    const faulty = faultyStore(inner);
    const { doorbell } = inner;
    return {
      ...faulty,
      commit: (checks, mutations) => this.#commit(faulty, () => faulty.commit(checks, mutations)),
      getMany: (keys) => this.#read(faulty, () => faulty.getMany(keys)),
      list: (range, options) => this.#read(faulty, () => faulty.list(range, options)),
      doorbell: doorbell && {
        ...doorbell,
        ring: (channel) => this.#ring(channel, doorbell),
      },
    };
  }

  async #commit(faulty: FaultyStore, send: () => Promise<string | null>): Promise<string | null> {
    const fault = this.#draw(this.rates.commits, OF_COMMITS);
    if (fault === "overtaken") return await this.#sendBehind(faulty, send);
    if (fault) {
      this.injected[fault]++;
      const { hit, land } = faulty.onCommit(fault, () => true);
      if (fault === "held" || fault === "echoed" || fault === "late") {
        hit.then(() => this.time.after(this.#delay(), () => land().catch(() => {})));
      }
    }
    // The call meets its fault before any other call can.
    const sent = send();
    if (fault !== "held") this.#overtake();
    return await sent;
  }

  async #sendBehind(faulty: FaultyStore, send: () => Promise<string | null>): Promise<string | null> {
    const held = faulty.onCommit("held", () => true);
    const sent = send();
    let waits = true;
    const land = () => {
      if (waits) held.land().catch(() => {});
      waits = false;
    };
    this.#behind.add(() => {
      if (waits) this.injected.overtaken++;
      land();
    });
    this.time.after(UNOVERTAKEN, land);
    return await sent;
  }

  /** A commit has reached the store: those that it was to overtake follow. */
  #overtake(): void {
    const waiting = [...this.#behind];
    this.#behind.clear();
    for (const land of waiting) land();
  }

  async #read<T>(faulty: FaultyStore, ask: () => Promise<T>): Promise<T> {
    const fault = this.#draw(this.rates.reads, ["unread", "stale"] as const);
    if (!fault) return await ask();
    this.injected[fault]++;
    const { hit, land } = faulty.onRead(fault === "unread" ? "failed" : "late", () => true);
    if (fault === "stale") hit.then(() => this.time.after(this.#delay(), () => land().catch(() => {})));
    return await ask();
  }

  #ring(channel: string, doorbell: Doorbell): Promise<void> {
    const fault = this.#draw(this.rates.commits, ["unheard"] as const);
    if (!fault) return doorbell.ring(channel);
    this.injected[fault]++;
    return Promise.resolve();
  }

  #draw<Fault>(rate: number, faults: readonly Fault[]): Fault | null {
    return this.active && this.dice.chance(rate) ? this.dice.pick(faults) : null;
  }

  #delay(): number {
    return this.dice.between(...this.dice.pick(DELAYS) as [number, number]);
  }
}
