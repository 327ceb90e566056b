/**
 * Chooses the tasks of one claim among those that a look has found: as many as there is room for, and as its commits
 * can check. On the way,
 *
 * - a task of a name that this process does not know is set aside, to be parked,
 * - a task whose concurrency key is still to be made is set aside, to be given it (`late_keys.ts`),
 * - a task is passed over while a sweep parks the tasks of one of its limits,
 * - a suspect is passed over while another suspect runs in this process,
 * - a task that has limits, or that may begin only once, ends the choice when no slot is free: it has to start as soon
 *   as it is claimed.
 *
 * @module
 */
import type { AnyTaskDefinition } from "../task/define.ts";
import type { Base } from "../engine.ts";
import { limitsOf } from "../limits/admission.ts";
import type { Overrides } from "../limits/overrides.ts";
import type { Parking } from "../limits/parking.ts";
import type { ReadyWindow } from "./ready_window.ts";
import type { Room } from "./room.ts";
import type { Pointer, RunRow } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { idOf, unknownName } from "../rows/keys.ts";
import type { Entry } from "../store/port.ts";

/**
 * Lost deliveries after which a task is a suspect. One suspect at a time runs in a process, so that a task that kills
 * its worker does not take other suspects along.
 */
export const SUSPECT = 2;

/** Whether a run's task was lost so often that it may be what kills its workers. */
export function isSuspect(run: RunRow): boolean {
  return run.deliveries > SUSPECT;
}

/** A ready task that a claim takes. */
export interface Candidate {
  readonly entry: Entry;
  readonly id: string;
  readonly pointer: Pointer;
  readonly definition: AnyTaskDefinition;
  readonly run: RunRow;
}

/** The worker that a claim is made for, and how large the claim may be. */
interface Bounds {
  /** The worker id of the registration. */
  readonly worker: string;
  /** Pointers and rows of limits that one commit can check. */
  readonly most: number;
  /** Pointers and rows of limits that all commits of the claim can check. */
  readonly reach: number;
}

/** The parts of the engine that a choice takes. */
export interface Choosing extends Base {
  readonly overrides: Overrides;
  /** Suspects that run in this process: at most one at a time. */
  readonly suspects: { count: number };
}

/** The tasks that one claim takes. */
export class Choice {
  /** Tasks without limits. */
  readonly candidates: Candidate[] = [];
  /** Tasks that have limits. */
  readonly limited: Candidate[] = [];
  /** Pointers of names that this process does not know, by what they are parked for. */
  readonly strangers = new Map<string, Entry[]>();
  /** Pointers of tasks whose concurrency key is to be made. */
  readonly unkeyed: Entry[] = [];
  /** The limits of the limited tasks. */
  #limits: ReadonlySet<string> = new Set();
  #skipped = false;

  constructor(
    readonly engine: Choosing,
    readonly channel: string,
    readonly parking: Parking,
    readonly bounds: Bounds,
  ) {}

  /** Whether a suspect was passed over. */
  get skipped(): boolean {
    return this.#skipped;
  }

  /** Whether the claim's commits can check no more. */
  get #isFull(): boolean {
    return this.candidates.length + this.limited.length + this.#limits.size >= this.bounds.reach;
  }

  /** Whether one more task may be taken. Arguments may be large, so no more keys are made than there is room for runs. */
  mayTake(room: Room): boolean {
    return room.left > this.unkeyed.length && !this.#isFull;
  }

  /**
   * Takes tasks from the window, and a slot for each at once: a hand-off may take slots while a claim waits.
   *
   * @param claiming the ids that claims in flight are about to remove; the ids of the tasks taken are added
   */
  takeFrom(window: ReadyWindow, room: Room, claiming: Set<string>): void {
    const { engine, channel, strangers, bounds: { worker } } = this;
    const startedAt = engine.clock.now();
    const rate = engine.overrides.rateOf(channel);
    while (this.mayTake(room)) {
      const entry = window.take();
      if (!entry) return;
      const pointer = decode<Pointer>(entry.value);
      const definition = engine.definitions.get(pointer.name);
      if (!definition) {
        const by = unknownName(pointer.name);
        strangers.set(by, [...strangers.get(by) ?? [], entry]);
        continue;
      }
      if (pointer.unkeyed) {
        this.unkeyed.push(entry);
        continue;
      }
      const isLimited = pointer.key !== undefined || definition.rateLimit !== undefined || rate !== null;
      // A claim uses up its limits, and the only delivery of an `acks: "early"` task: both have to start when claimed.
      if ((isLimited || definition.acks === "early") && room.free === 0) return window.putBack();
      if (isLimited) {
        const limits = limitsOf(pointer, definition, rate);
        if (this.parking.isSweeping(limits)) continue;
        if (!this.#addLimits(limits)) return window.putBack();
      }
      const run: RunRow = { worker, deliveries: pointer.deliveries + 1, startedAt };
      if (isSuspect(run) && !this.#takeSuspect()) continue;
      room.take(1);
      const id = idOf(entry.key);
      claiming.add(id);
      (isLimited ? this.limited : this.candidates).push({ entry, id, pointer, definition, run });
    }
  }

  /** @returns whether one commit can check the rows of these limits as well, beside the pointer of their task */
  #addLimits(limits: readonly string[]): boolean {
    const next = new Set([...this.#limits, ...limits]);
    if (this.limited.length + 1 + next.size > this.bounds.most) return false;
    this.#limits = next;
    return true;
  }

  /** @returns whether this suspect may run: one at a time may */
  #takeSuspect(): boolean {
    const { suspects } = this.engine;
    if (suspects.count > 0) {
      this.#skipped = true;
      return false;
    }
    suspects.count++;
    return true;
  }
}
