/**
 * A store that does to commits and reads what networks, clients and disks do to them, on the test's word. At random,
 * from a seed: `random_faults.ts`.
 *
 * @module
 */
import type { Check, Entry, Key, KeyRange, Mutation, Store } from "../../queue/store/port.ts";

/**
 * What may happen to a commit:
 *
 * ```text
 * lost      applied, the answer is an error
 * failed    not applied, the answer is an error
 * nothing   applied, the answer says that a check did not hold
 * repeated  applied, and sent again before the answer: the answer is the second one's
 * echoed    applied and answered; sent again when the test says `land`
 * held      not applied and not answered until the test says `land`: given up, it lands later
 * late      applied, answered when the test says `land`
 * ```
 */
export type CommitFault = "lost" | "failed" | "nothing" | "repeated" | "echoed" | "held" | "late";

/** What may happen to a read. `held`: asked when the test says `land`; `late`: asked at once, answered then. */
export type ReadFault = "failed" | "held" | "late";

/** A commit as the store got it. */
export interface CommitCall {
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
}

/** A fault that waits for its commit, or has met it. */
export interface Injected<Answer> {
  /** Resolves when a call has met the fault. */
  readonly hit: Promise<void>;
  /** Whether a call has met the fault. */
  readonly met: boolean;
  /** Sends what was held, or sends again what was echoed, and tells the store's own answer. */
  land(): Promise<Answer>;
}

/** See the module's text. */
export interface FaultyStore extends Store {
  /** The next commit that matches meets this fault. */
  onCommit(fault: CommitFault, matches: (commit: CommitCall) => boolean): Injected<string | null>;
  /** The next read that matches meets this fault. */
  onRead(fault: ReadFault, matches: (keys: readonly Key[]) => boolean): Injected<void>;
  /** Called before each commit that matches reaches the store, once: for what happens in between. */
  beforeCommit(matches: (commit: CommitCall) => boolean, act: () => Promise<unknown>): void;
  /** Every commit that was asked for, the store's own answer beside it. */
  readonly commits: readonly (CommitCall & { readonly answer: string | null | undefined })[];
}

/** Whether a commit writes a row of a family. */
export function sets(family: string): (commit: CommitCall) => boolean {
  return ({ mutations }) => mutations.some(({ type, key }) => type === "set" && key[1] === family);
}

/** Whether a commit deletes a row of a family. */
export function deletes(family: string): (commit: CommitCall) => boolean {
  return ({ mutations }) => mutations.some(({ type, key }) => type === "delete" && key[1] === family);
}

/** Whether a read asks for a row of a family. */
export function asks(family: string): (keys: readonly Key[]) => boolean {
  return (keys) => keys.some((key) => key[1] === family);
}

/** The network's word for "nobody knows". */
export class ConnectionLost extends Error {
  constructor() {
    super("Connection was lost");
  }
}

interface Trap<Kind, Call, Answer> {
  readonly fault: Kind;
  readonly matches: (call: Call) => boolean;
  meet(land: () => Promise<Answer>): void;
}

/** Wraps a store; several wrappers of one store play several processes. */
export function faultyStore(inner: Store): FaultyStore {
  const commitTraps = new Set<Trap<CommitFault, CommitCall, string | null>>();
  const readTraps = new Set<Trap<ReadFault, readonly Key[], void>>();
  const between = new Set<{ matches: (commit: CommitCall) => boolean; act: () => Promise<unknown> }>();
  const commits: (CommitCall & { answer: string | null | undefined })[] = [];

  async function commit(checks: readonly Check[], mutations: readonly Mutation[]): Promise<string | null> {
    const call: CommitCall = { checks, mutations };
    for (const step of between) {
      if (!step.matches(call)) continue;
      between.delete(step);
      await step.act();
    }
    const trap = [...commitTraps].find(({ matches }) => matches(call));
    if (!trap) return await apply(call);
    commitTraps.delete(trap);
    return await suffer(trap, call);
  }

  async function apply(call: CommitCall): Promise<string | null> {
    const logged = { ...call, answer: undefined as string | null | undefined };
    commits.push(logged);
    return logged.answer = await inner.commit(call.checks, call.mutations);
  }

  async function suffer(
    { fault, meet }: Trap<CommitFault, CommitCall, string | null>,
    call: CommitCall,
  ): Promise<string | null> {
    const again = () => apply(call);
    switch (fault) {
      case "failed":
        meet(again);
        throw new ConnectionLost();
      case "held": {
        const { promise, resolve, reject } = Promise.withResolvers<string | null>();
        meet(async () => {
          const landed = again();
          landed.then(resolve, reject);
          return await landed;
        });
        return await promise;
      }
      case "late": {
        const answer = await apply(call);
        const { promise, resolve } = Promise.withResolvers<void>();
        meet(() => {
          resolve();
          return Promise.resolve(answer);
        });
        await promise;
        return answer;
      }
      case "lost":
        await apply(call);
        meet(again);
        throw new ConnectionLost();
      case "nothing":
        await apply(call);
        meet(again);
        return null;
      case "repeated": {
        await apply(call);
        meet(again);
        return await apply(call);
      }
      case "echoed": {
        const answer = await apply(call);
        meet(again);
        return answer;
      }
    }
  }

  async function read<T>(keys: readonly Key[], ask: () => Promise<T>): Promise<T> {
    const trap = [...readTraps].find(({ matches }) => matches(keys));
    if (!trap) return await ask();
    readTraps.delete(trap);
    if (trap.fault === "failed") {
      trap.meet(() => Promise.resolve());
      throw new ConnectionLost();
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const early = trap.fault === "late" ? ask() : null;
    trap.meet(async () => {
      const answer = early ?? ask();
      answer.then(resolve, reject);
      await answer;
    });
    return await promise;
  }

  return {
    limits: inner.limits,
    incarnation: inner.incarnation,
    doorbell: inner.doorbell,
    commits,
    commit,
    getMany: (keys: readonly Key[]): Promise<(Entry | null)[]> => read(keys, () => inner.getMany(keys)),
    list: (range: KeyRange, options) => read([range.prefix], () => inner.list(range, options)),
    close: () => inner.close(),
    onCommit: (fault, matches) => arm(commitTraps, fault, matches),
    onRead: (fault, matches) => arm(readTraps, fault, matches),
    beforeCommit: (matches, act) => void between.add({ matches, act }),
  };
}

function arm<Kind, Call, Answer>(
  traps: Set<Trap<Kind, Call, Answer>>,
  fault: Kind,
  matches: (call: Call) => boolean,
): Injected<Answer> {
  const hit = Promise.withResolvers<void>();
  let held: (() => Promise<Answer>) | null = null;
  const injected: Injected<Answer> = {
    hit: hit.promise,
    get met() {
      return held !== null;
    },
    land() {
      if (!held) throw new Error(`Nothing has met the fault '${fault}' yet`);
      return held();
    },
  };
  traps.add({
    fault,
    matches,
    meet(land) {
      held = land;
      hit.resolve();
    },
  });
  return injected;
}
