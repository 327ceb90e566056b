/**
 * Divides the ready tasks of a channel among the processes that claim from it. The id of a task names its owner among
 * these processes. Without owners all would claim at the head: a lost claim costs five requests, and the
 * process farthest from the store loses it. A task that its owner leaves goes to the next process in turn. Shares are
 * hints: processes may disagree about them, because a claim checks each task that it takes.
 *
 * @module
 */
import type { Base, Here } from "../engine.ts";
import type { Pointer } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { idOf, placeIn, standsBefore } from "../rows/keys.ts";
import type { Entry } from "../store/port.ts";

/**
 * Milliseconds that a task is left to its owner, and to each process whose turn comes before this one's, while this one
 * has slots to spare: twice the time that claims take, within these bounds. A turn that ends before the claim does
 * takes from owners what they are claiming: with 100 ms at most, 64 workers 100 ms from the store lost 61 of 100
 * claims; with 1 s they lose 8, at twice the tasks a second (docs/scaling.md).
 */
const TURN = { least: 25, most: 1000 } as const;
/** Turns that a process waits for at most. */
const MOST_TURNS = 4;
/** Turns after which the tasks of an owner that takes none are everybody's, by priority and age. */
const LATE = 10;

/** A task of another owner that looks have met. */
interface Met {
  readonly entry: Entry;
  /** Monotonic time at which it was met first. */
  readonly since: number;
}

/** A part of the ready range: what stands behind an entry, up to another; `undefined`: from its head, to its end. */
interface Stretch {
  readonly behind: Entry | undefined;
  readonly to: Entry | undefined;
}

/** The division of one channel's tasks, as this process sees it. */
export class Shares {
  /** Tasks of other owners that looks have met, and that were still ready at the last one. */
  #met = new Map<string, Met>();
  /** Monotonic time at which an owner was last seen to take a task, by owner: a task that had been met was gone. */
  #moved = new Map<string, number>();
  /** Milliseconds that a claim takes here, from the look to its answer. Other processes need about as long. */
  #pace: number | null = null;
  #due = Infinity;

  constructor(readonly engine: Base & Here, readonly channel: string) {}

  /** Monotonic time at which a task that was left to others may be taken. */
  get due(): number {
    return this.#due;
  }

  /** Tasks to read so that about `want` of them are this process's, behind those that other owners have left so far. */
  reach(want: number): number {
    return want * this.engine.peers(this.channel).length + this.#met.size;
  }

  /** A claim took so many milliseconds, from the look to its answer. */
  took(milliseconds: number): void {
    // A claim that met an outage says nothing about the claims to come.
    milliseconds = Math.min(milliseconds, TURN.most / 2);
    this.#pace = this.#pace === null ? milliseconds : this.#pace + (milliseconds - this.#pace) / 8;
  }

  /** This process is about to claim a task. That the task is gone later says nothing about its owner. */
  take(entry: Entry): void {
    this.#met.delete(idOf(entry.key));
  }

  /**
   * The tasks that this process claims now, of those that a look has found.
   *
   * @param want slots to fill: if its own tasks do not suffice, it takes tasks that other owners have left for a turn
   * @param stretch the part of the ready range that the look has read
   */
  divide(entries: readonly Entry[], want: number, stretch: Stretch): readonly Entry[] {
    const { engine, channel } = this;
    const peers = engine.peers(channel);
    const worker = engine.worker();
    const own = peers.indexOf(worker);
    const now = engine.clock.monotonic();
    const turn = Math.min(Math.max(TURN.least, 2 * (this.#pace ?? 0)), TURN.most);
    this.#note(entries, peers, stretch, now);
    this.#due = Infinity;
    const mine = new Set<Entry>();
    const left: { readonly entry: Entry; readonly turns: number }[] = [];
    for (const entry of entries) {
      const id = idOf(entry.key);
      const owner = ownerOf(id, peers);
      const isOwn = owner === worker;
      // A task of an unknown name could only be parked here: it is left longest to processes that may know the name.
      if (isOwn && (peers.length === 1 || engine.definitions.has(decode<Pointer>(entry.value).name))) {
        mine.add(entry);
        continue;
      }
      const since = this.#met.get(id)?.since ?? now;
      this.#met.set(id, { entry, since });
      const turns = isOwn ? LATE : (own - peers.indexOf(owner) + peers.length) % peers.length;
      const wait = Math.min(turns, isOwn ? LATE : MOST_TURNS) * turn;
      if (now - Math.max(since, this.#moved.get(owner) ?? since) >= LATE * turn) mine.add(entry);
      else if (now - since >= wait) left.push({ entry, turns });
      else this.#due = Math.min(this.#due, since + wait);
    }
    // Within a priority, tasks of the nearest owner first: processes with slots to spare begin at different tasks.
    left.sort((a, b) => placeIn(a.entry.key) - placeIn(b.entry.key) || a.turns - b.turns);
    for (const { entry } of left.slice(0, Math.max(0, want - mine.size))) mine.add(entry);
    return entries.filter((entry) => mine.has(entry));
  }

  /** Notes the owners that take tasks: a task of theirs that an earlier look has met is gone. */
  #note(
    entries: readonly Entry[],
    peers: readonly string[],
    { behind, to }: Stretch,
    now: number,
  ): void {
    const found = new Set(entries.map((entry) => idOf(entry.key)));
    for (const [id, { entry }] of this.#met) {
      if (
        found.has(id) || behind && !standsBefore(behind.key, entry.key) ||
        to && !standsBefore(entry.key, to.key)
      ) continue;
      this.#met.delete(id);
      this.#moved.set(ownerOf(id, peers), now);
    }
    for (const worker of this.#moved.keys()) if (!peers.includes(worker)) this.#moved.delete(worker);
  }
}

/** The owner of a task, by the last digits of its id, which are random. */
function ownerOf(id: string, peers: readonly string[]): string {
  return peers[parseInt(id.slice(-8), 16) % peers.length]!;
}
