/**
 * The scenes: a place in which a task can stand, and all that can happen to it there at the same time.
 *
 * @module
 */
import { chain, chord, NonRetryableError, type WorkflowNode } from "../../queue/mod.ts";
import type { OpenOptions } from "../support/open_queue.ts";
import { type Actor, LOST_AFTER, type Stage } from "./stage.ts";

/** Something that happens. */
export interface Operation {
  readonly name: string;
  /** Which of the scene's processes does it. @default {one of its own} */
  readonly by?: number;
  /** What its own process is made of. */
  readonly options?: Partial<OpenOptions>;
  /** Brings its process to the moment before. */
  before?(stage: Stage, actor: Actor): Promise<void>;
  /** Begins; resolves to what it answers. */
  begin?(stage: Stage, actor: Actor): Promise<unknown> | void;
  /** It happens by itself when so many milliseconds pass in its process. */
  readonly after?: number;
}

/** A task, or a few, in one place, and the operations that may meet there. */
export interface Scene {
  readonly name: string;
  /** What its processes are made of; the first one submits. */
  readonly actors: readonly Partial<OpenOptions>[];
  /** Brings the tasks there. */
  prepare?(stage: Stage): Promise<void>;
  readonly operations: readonly Operation[];
  /** What may come of some of them beside what comes of one after the other. */
  readonly also?: readonly Also[];
}

/** An outcome of operations that are several steps each, and why it is right. */
interface Also {
  readonly of: readonly string[];
  readonly outcome: RegExp;
  readonly because: string;
}

/** Milliseconds between two heartbeats. */
const BEAT = LOST_AFTER * 1000 / 5;
/** Milliseconds until a scene's task expires, and until one that is delayed is due. */
const [EXPIRES, DELAY] = [3000, 2000];
/** Milliseconds between two looks of a loop that has found nothing for a while. */
const POLL = 2000;

const executes = (slots: number): Partial<OpenOptions> => ({ channels: { default: slots } });
const idle: Partial<OpenOptions> = {};

/** Moves a process's clock to so many milliseconds after a scene began, but one. */
const almost = (milliseconds: number) => async (stage: Stage, { clock }: Actor): Promise<void> => {
  await clock.advance(stage.beganAt + milliseconds - 1 - clock.now());
};

const claim: Operation = {
  name: "claim",
  options: executes(1),
  begin: (_stage, { gate }) => gate.ring("default"),
};
const park: Operation = {
  name: "park, its name unknown",
  options: { ...executes(1), definitions: [] },
  begin: (_stage, { gate }) => gate.ring("default"),
};
const revoke = (which = 0, name = "revoke"): Operation => ({
  name,
  begin: async (stage, { queue }) => {
    const id = stage.tasks[which]!;
    return stage.told(await queue.revoke(id), (queue) => queue.get(id));
  },
});
const purge: Operation = { name: "purge", begin: (_stage, { queue }) => queue.purge("default") };
const pause: Operation = {
  name: "pause",
  begin: async (_stage, { queue }) => (await queue.changeChannel("default", { paused: true })).paused,
};
const expire: Operation = { name: "expire", before: almost(EXPIRES), after: 10 };
const promote: Operation = { name: "promote", before: almost(DELAY), after: 10 };
const look: Operation = { name: "look for what is left behind", options: executes(1), after: POLL };
const heartbeat: Operation = { name: "heartbeat", by: 0, before: almost(BEAT), after: 10 };
const timeLimit: Operation = { name: "hard time limit", by: 0, before: almost(10_000), after: 10 };
/** All but the first process wait as long as it takes to think that it is lost. */
const rescue: Operation = {
  name: "rescue",
  async before(stage) {
    for (let left = LOST_AFTER * 1000 - 20; left > 0; left -= BEAT) {
      for (const { clock } of stage.actors.slice(1)) await clock.advance(Math.min(left, BEAT));
    }
  },
  after: 40,
};
const stop: Operation = { name: "give back", by: 0, begin: (_stage, { queue }) => queue.stop(0) };
const succeed = (by = 0, name = "succeed"): Operation => ({
  name,
  by,
  begin: (stage) => stage.finish(stage.runs[by]!),
});
const fail = (by = 0, name = "fail"): Operation => ({
  name,
  by,
  begin: (stage) => stage.runs[by]!.fail(new NonRetryableError("for good")),
});
const retry: Operation = {
  name: "retry",
  by: 0,
  begin: (stage) => stage.runs[0]!.fail(stage.runs[0]!.ctx.retry({ in: 1 })),
};
const progress: Operation = { name: "progress", by: 0, begin: (stage) => stage.runs[0]!.ctx.progress(50) };

const keyed = (name: string, task: string, fingerprint = "f"): Operation => ({
  name,
  begin: async (_stage, { queue }) => {
    const key = { scope: "s", key: "k", fingerprint };
    return (await queue.submitAll([{ name: task, args: ["t"] }], key)).replayed;
  },
});
const double: Operation = {
  name: "submit its double",
  begin: async (_stage, { queue }) =>
    (await queue.submitAll([{ name: "once", args: ["t"] }])).tasks[0]!.duplicate ?? "new",
};
/** Whoever comes second may be told by the mark of the first, or by the key of what the first has submitted. */
const refusal = ({ code }: { code: string }) => code === "task-expired" ? code : "refused";
const redrive: Operation = {
  name: "redrive",
  begin: (stage, { queue }) => queue.redrive(stage.tasks[0]!).then(() => "new", refusal),
};
const redriveAll: Operation = {
  name: "redrive all",
  begin: async (_stage, { queue }) => {
    const { tasks } = await queue.redriveAll();
    return tasks.some(({ taskId }) => taskId !== null) ? "new" : "refused";
  },
};
/** Its process keeps what has ended for a second only. */
const forget: Operation = { name: "sweep", options: { resultTtl: 1 }, before: almost(1000), after: 400 };

const call: WorkflowNode = { name: "plain", args: ["t"], immutable: true, expires: EXPIRES / 1000 };
const workflow = (node: WorkflowNode) => async (stage: Stage) => {
  await stage.owner.queue.submitWorkflow(node);
  for (const { gate } of stage.actors) {
    gate.ring("default");
    await stage.quiet();
  }
  const { tasks } = await stage.owner.queue.list();
  stage.tasks.push(...tasks.map(({ id }) => id).sort());
};
const revokeWorkflow: Operation = {
  name: "revoke the workflow",
  begin: async (stage, { queue }) => {
    const id = stage.tasks[0]!;
    return stage.told(await queue.revokeWorkflow(id), (queue) => queue.workflow(id));
  },
};

const every = 20;
const fire: Operation = { name: "fire", before: almost(every * 1000), after: 10 };
const ofSchedule = (name: string, begin: (actor: Actor) => Promise<unknown>): Operation => ({
  name,
  begin: (_stage, actor) => begin(actor),
});

/** See the module's text. */
export const SCENES: readonly Scene[] = [
  {
    name: "not submitted",
    actors: [idle],
    operations: [
      keyed("submit with a key", "plain"),
      keyed("submit another with that key", "plain", "g"),
      keyed("submit with both keys", "once"),
      double,
      claim,
    ],
  },
  {
    name: "ready",
    actors: [idle],
    prepare: (stage) => stage.submit("once", { expires: EXPIRES / 1000 }),
    operations: [claim, park, revoke(), expire, purge, pause, double, keyed("submit again", "once")],
  },
  {
    name: "delayed",
    actors: [idle],
    prepare: (stage) => stage.submit("plain", { delay: DELAY / 1000, expires: EXPIRES / 1000 }),
    operations: [promote, claim, revoke(), expire, purge],
  },
  {
    name: "running",
    actors: [executes(1)],
    prepare: (stage) => stage.submit("plain"),
    operations: [
      succeed(),
      fail(),
      retry,
      progress,
      timeLimit,
      stop,
      heartbeat,
      revoke(),
      rescue,
      claim,
      purge,
      pause,
    ],
  },
  {
    name: "running, revoked",
    actors: [executes(1), idle],
    prepare: async (stage) => {
      await stage.submit("plain");
      await stage.actors[1]!.queue.revoke(stage.tasks[0]!);
    },
    operations: [succeed(), fail(), retry, progress, stop, heartbeat, revoke(), rescue],
  },
  {
    name: "running, given to one worker only",
    actors: [executes(1)],
    prepare: (stage) => stage.submit("early"),
    operations: [succeed(), stop, revoke(), rescue],
    also: [{
      of: ["revoke", "rescue"],
      outcome: /accepted.*FAILURE WorkerLostError/,
      because:
        "a revoke that the rescuer has not seen comes too late, as one comes that a settlement has not seen",
    }],
  },
  {
    name: "running, under its definition's key",
    actors: [executes(1)],
    prepare: (stage) => stage.submit("once"),
    operations: [succeed(), fail(), revoke(), double, keyed("submit with both keys", "once")],
  },
  {
    name: "ready, its concurrency key taken",
    actors: [executes(1)],
    prepare: (stage) => stage.submit("keyed", {}, 2),
    operations: [succeed(), claim, revoke(1), purge, rescue],
  },
  {
    name: "parked",
    actors: [executes(2)],
    prepare: (stage) => stage.submit("keyed", { expires: EXPIRES / 1000 }, 2),
    operations: [
      succeed(),
      look,
      revoke(1),
      revoke(0, "revoke the one that runs"),
      expire,
      purge,
      rescue,
      claim,
    ],
  },
  {
    name: "failed",
    actors: [executes(1)],
    prepare: async (stage) => {
      await stage.submit("once");
      stage.runs[0]!.fail(new Error("no luck"));
      await stage.quiet();
      await stage.owner.queue.changeChannel("default", { paused: true });
    },
    operations: [redrive, redriveAll, double, forget, revoke()],
  },
  {
    name: "chain",
    actors: [executes(1)],
    prepare: workflow(chain(call, call)),
    operations: [
      succeed(),
      fail(),
      retry,
      revoke(0, "revoke the first"),
      revoke(1, "revoke the second"),
      expire,
      rescue,
      revokeWorkflow,
      look,
    ],
    also: [{
      of: ["revoke the workflow"],
      outcome: /accepted.*REVOKED ChainError/,
      because: "the chain may meet the end of the first before the revoke meets the second",
    }, {
      of: ["revoke the first", "revoke the workflow"],
      outcome: /accepted.*accepted.*REVOKED TaskRevokedError.*REVOKED TaskRevokedError/,
      because: "the revoke may meet the second before the chain, which has the end of the first to pass on",
    }],
  },
  {
    name: "chord",
    actors: [executes(1), executes(1)],
    prepare: workflow(chord([call, call], call)),
    operations: [
      succeed(0, "one succeeds"),
      succeed(1, "the other succeeds"),
      fail(0, "one fails"),
      fail(1, "the other fails"),
      revoke(0, "revoke one"),
      revoke(2, "revoke the body"),
      expire,
      revokeWorkflow,
      look,
    ],
  },
  {
    name: "schedule",
    actors: [idle],
    prepare: async ({ owner }) => {
      const schedule = { id: "s", task: { name: "plain", args: ["t"] }, trigger: { interval: every } };
      await owner.queue.schedules.create(schedule);
    },
    operations: [
      fire,
      ofSchedule("run now", async ({ queue }) => (await queue.schedules.run("s")).task.state),
      ofSchedule("pause", async ({ queue }) => (await queue.schedules.pause("s")).paused),
      ofSchedule(
        "change",
        async ({ queue }) => (await queue.schedules.update("s", { maxInstances: 2 })).maxInstances,
      ),
      ofSchedule("delete", ({ queue }) => queue.schedules.delete("s")),
    ],
  },
];
