/**
 * Watches a store's commits, one by one, in the order in which they are applied, and says where one breaks a law that
 * no look at the rows afterwards would show (numbers: queue/task/state.ts). What the rows show: `support/invariants.ts`.
 *
 * @module
 */
import { type Clock, isFinal } from "../../queue/mod.ts";
import type { RunRow, TaskRecord, WorkerRow } from "../../queue/rows/record.ts";
import { decode } from "../../queue/rows/codec.ts";
import { keyId } from "../../queue/store/key_id.ts";
import type { Key, Mutation, Store } from "../../queue/store/port.ts";

/** Milliseconds of its own monotonic clock for which a judge must have seen a worker's entry stand still. */
const LOST_AFTER = 15_000;

/** Where a task may go from where it is; from nowhere it comes with its record, or with its workflow's. */
const MOVES: Readonly<Record<string, readonly string[]>> = {
  "": ["ready", "delayed", "waiting", "run"],
  // From ready to ready: the concurrency key of a task whose arguments came late is made.
  ready: ["ready", "run", "blocked"],
  delayed: ["ready"],
  blocked: ["ready"],
  waiting: ["ready", "delayed", "run"],
  run: ["ready", "delayed", "run"],
};
const PLACES = new Set(Object.keys(MOVES));

/** A process, which may judge others by its own clock. */
type Observer = Pick<Clock, "monotonic">;

/** A task's places by the id of their key. */
type Places = Map<string, string>;

/** See the module's text. */
export class History {
  /** One sentence for each broken law. */
  readonly broken: string[] = [];
  /** Commits that were applied. */
  commits = 0;
  readonly store: Store;
  /** Who a worker is. */
  #observers = new Map<string, Observer>();
  /** By whose clock each worker's entry has last changed when. */
  #changedAt = new Map<string, Map<Observer, number>>();
  #everybody = new Set<Observer>();
  #workers = new Map<string, WorkerRow>();
  #lanes = new Map<string, number>();
  #records = new Map<string, TaskRecord>();
  #places = new Map<string, Places>();
  #runs = new Map<string, RunRow>();
  #claims = new Map<string, number>();
  /** The workflows that have been written to their end. */
  #workflows = new Set<string>();
  /** Pointers that the commit has removed and that were not there. */
  #absent: [id: string, place: string][] = [];

  /** @param shared whether processes know of each other's death by their heartbeats only */
  constructor(inner: Store, readonly shared: boolean) {
    this.store = {
      ...inner,
      commit: async (checks, mutations) => {
        const versionstamp = await inner.commit(checks, mutations);
        if (versionstamp !== null) this.#applied(mutations);
        return versionstamp;
      },
    };
  }

  /** A process has begun. */
  began(observer: Observer): void {
    this.#everybody.add(observer);
    for (const changedAt of this.#changedAt.values()) changedAt.set(observer, observer.monotonic());
  }

  /** A process has registered. */
  registered(worker: string, observer: Observer): void {
    this.#observers.set(worker, observer);
  }

  /** The records of all tasks. */
  get records(): ReadonlyMap<string, TaskRecord> {
    return this.#records;
  }

  /** How often a task was given to a worker. */
  claimsOf(id: string): number {
    return this.#claims.get(id) ?? 0;
  }

  /** Where a task is: `""` when it has ended. */
  placeOf(id: string): string {
    return [...this.#places.get(id)?.values() ?? []][0] ?? "";
  }

  #applied(mutations: readonly Mutation[]): void {
    this.commits++;
    const worker = this.#throughLane(mutations);
    const touched = new Map<
      string,
      { former: TaskRecord | undefined; from: Places; run: RunRow | undefined }
    >();
    const begun: string[] = [];
    for (const mutation of mutations) {
      const family = mutation.key[1];
      const id = String(mutation.key.at(-1));
      if (family === "worker") this.#ofWorker(id, mutation, worker);
      if (family === "workflow" && mutation.type === "set") begun.push(id);
      if (family !== "task" && !PLACES.has(String(family))) continue;
      if (!touched.has(id)) {
        const from = new Map(this.#places.get(id));
        touched.set(id, { former: this.#records.get(id), from, run: this.#runs.get(id) });
      }
      if (family === "task") this.#ofRecord(id, mutation);
      else this.#ofPlace(id, mutation);
    }
    for (const [id, place] of this.#absent.splice(0)) {
      // What is forgotten with its record is removed wherever it may be.
      if (this.#records.has(id)) this.#say(`Task ${id} was removed from ${place} twice (invariant 4)`);
    }
    for (const root of begun) this.#begun(root);
    for (const [id, { former, from, run }] of touched) this.#moved(id, former, from, run, worker);
  }

  /** A workflow is written to its end: from now on each of its tasks is in a place. */
  #begun(root: string): void {
    this.#workflows.add(root);
    for (const { id, workflow, state } of this.#records.values()) {
      if (workflow?.root !== root || isFinal(state) || this.#places.has(id)) continue;
      this.#say(`Task ${id} is in no place, and its workflow is written (invariant 2)`);
    }
  }

  /** Every commit goes through a lane, each number once (invariant 3); or it registers its process. */
  #throughLane(mutations: readonly Mutation[]): string {
    const lanes = mutations.filter(({ key }) => key[1] === "lane" && key[0] === mutations[0]!.key[0]);
    const [first] = lanes;
    const worker = first ? String(first.key[2]) : "";
    if (!first) this.#say("A commit went through no lane (invariant 3)");
    // The first one is the commit's own lane; the others are those of a worker that is judged lost, or registers.
    else if (first.type === "set" && this.#workers.has(worker)) {
      const [id, number] = [keyId(first.key), first.value as number];
      const last = this.#lanes.get(id);
      if (last === undefined) {
        this.#say(`A commit went through a lane of ${worker} that is gone (invariant 3)`);
      } else if (number <= last) this.#say(`Commit ${number} of ${worker} came after ${last} (invariant 3)`);
    }
    for (const mutation of lanes) {
      if (mutation.type === "set") this.#lanes.set(keyId(mutation.key), mutation.value as number);
      else this.#lanes.delete(keyId(mutation.key));
    }
    return worker;
  }

  /** No worker is judged lost whom its judge may have seen alive for the last 15 s (invariant 9). */
  #ofWorker(id: string, mutation: Mutation, judge: string): void {
    if (mutation.type === "delete") return void this.#workers.delete(id);
    const row = decode<WorkerRow>(mutation.value);
    if (row.lost && !this.#workers.get(id)?.lost && this.shared) {
      const observer = this.#observers.get(judge)!;
      const still = observer.monotonic() - this.#changedAt.get(id)!.get(observer)!;
      if (still < LOST_AFTER) this.#say(`${judge} judged ${id} lost after ${still} ms (invariant 9)`);
    }
    if (!row.lost) {
      this.#changedAt.set(id, new Map([...this.#everybody].map((one) => [one, one.monotonic()])));
    }
    this.#workers.set(id, row);
  }

  #ofRecord(id: string, mutation: Mutation): void {
    if (mutation.type === "delete") return void this.#records.delete(id);
    const former = this.#records.get(id);
    const record = { ...decode<TaskRecord>(mutation.value), id };
    this.#records.set(id, record);
    if (!former) return;
    if (isFinal(former.state)) {
      this.#say(
        `Task ${id} had ended as ${former.state} and was written again as ${record.state} (invariant 5)`,
      );
    }
    if (record.retries < former.retries || record.retries > record.maxRetries) {
      this.#say(`Task ${id} has ${record.retries} retries of ${record.maxRetries}, it had ${former.retries}`);
    }
  }

  #ofPlace(id: string, { key, ...mutation }: Mutation): void {
    const places: Places = this.#places.get(id) ?? new Map();
    const place = keyId(key);
    const family = String(key[1]);
    if (mutation.type === "set") places.set(place, family);
    else if (!places.delete(place)) this.#absent.push([id, where(key)]);
    if (places.size > 0) this.#places.set(id, places);
    else this.#places.delete(id);
    if (family !== "run") return;
    if (mutation.type === "set") this.#runs.set(id, decode<RunRow>(mutation.value));
    else this.#runs.delete(id);
  }

  /** A task is in one place while it has not ended, then in none; and goes where it may go from there. */
  #moved(
    id: string,
    former: TaskRecord | undefined,
    from: Places,
    run: RunRow | undefined,
    worker: string,
  ): void {
    const record = this.#records.get(id);
    const to = this.#places.get(id);
    const [was = "", is = ""] = [[...from.values()][0], [...to?.values() ?? []][0]];
    const places = to?.size ?? 0;
    if (!record) {
      if (places > 0) this.#say(`Task ${id} is in ${is} without a record`);
      return;
    }
    const final = isFinal(record.state);
    const { root } = record.workflow ?? {};
    const isWritten = root !== undefined && !this.#workflows.has(root);
    if (places !== (final ? 0 : 1) && !(isWritten && places === 0)) {
      this.#say(
        `Task ${id} is ${record.state}, in ${places} places: ${[...to?.values() ?? []]} (invariant 2)`,
      );
    }
    if (!former && final) this.#say(`Task ${id} was submitted as ${record.state}`);
    if (is !== "" && !MOVES[was]!.includes(is)) this.#say(`Task ${id} went from '${was}' to '${is}'`);
    const now = this.#runs.get(id);
    if (now && was !== "run") this.#claims.set(id, this.claimsOf(id) + 1);
    if (now && now !== run && now.worker !== worker) {
      this.#say(`Task ${id} was begun in the name of ${now.worker} by ${worker} (invariant 3)`);
    }
    const owner = run && this.#workers.get(run.worker);
    if (owner && !owner.lost && now !== run && worker !== run.worker) {
      this.#say(`Task ${id} was taken from ${run.worker} by ${worker} (invariant 3)`);
    }
    if (run && now && now !== run && (now.worker !== run.worker || now.deliveries !== run.deliveries)) {
      this.#say(`Task ${id} was begun twice (invariant 4)`);
    }
  }

  #say(sentence: string): void {
    this.broken.push(`Commit ${this.commits}: ${sentence}`);
  }
}

function where(key: Key): string {
  return key.slice(1).join(" ");
}
