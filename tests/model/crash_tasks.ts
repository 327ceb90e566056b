/**
 * The tasks of the simulated crash runs, and the clients that submit them.
 *
 * @module
 */
import type { AnyTaskDefinition, TaskContext, TaskRequest, WorkflowNode } from "../../queue/mod.ts";
import { encode } from "../../queue/rows/codec.ts";
import type { Dice } from "../support/dice.ts";
import { task } from "../support/held_task.ts";
import type { Ledger } from "./ledger.ts";
import type { Process, World } from "./world.ts";

/** Row of a run whose effects were stored: `["effect", task id, n]`. */
export const EFFECT = "effect";

/** Tasks that take some seconds, fail the first few times, and leave a row of their own for each run that succeeds. */
export function crashTasks(dice: Dice): AnyTaskDefinition[] {
  const work = async (ctx: TaskContext, seconds: unknown, failures: unknown) => {
    ctx.progress(seconds as number);
    await ctx.sleep(seconds as number);
    if (ctx.retries < Number(failures)) throw new Error("not yet");
    ctx.commit.set([EFFECT, ctx.id, dice.next()], encode(1));
    return ctx.id;
  };
  const retry = { maxRetries: 3, retry: { delay: 0.5, factor: 1 } };
  return [
    task("work", work, retry),
    task("alone", work, { ...retry, concurrencyKey: () => "one" }),
    task("once", work, { ...retry, idempotency: { key: (seconds: unknown) => `${seconds}`, ttl: 3600 } }),
    task("early", work, { acks: "early" }),
    task("join", (ctx, parts) => work(ctx, 0, 0).then(() => (parts as string[]).length)),
  ];
}

/** Requests of a run. */
const REQUESTS = 6;
/** Milliseconds in which they come. */
const BUSY = 12_000;
/** Milliseconds until a client looks whether its server still lives. */
const PATIENCE = 1000;

/** Clients that submit for a while, each to any process that is up. */
export class Clients {
  /** Requests that have no answer, and to whom. */
  #open = new Map<number, Process | null>();

  constructor(readonly world: World, readonly dice: Dice) {
    for (let n = 0; n < REQUESTS; n++) {
      this.#open.set(n, null);
      const kind = dice.pick(["one", "batch", "keyed", "keyed", "chord", "schedule", "revoke"] as const);
      world.options.time.after(
        dice.between(0, BUSY),
        () => this.#insist(n, REQUEST[kind](world.ledger, dice, n)),
      );
    }
  }

  /** Whether somebody may still get an answer. */
  get waiting(): boolean {
    return this.#open.size > 0;
  }

  /** Asks a server; when that dies and the request has a key, another one. */
  #insist(n: number, { ask, keyed = false }: Request): void {
    const up = [...this.world.processes].filter(({ machine }) => machine.isUp);
    const later = () => this.world.options.time.after(PATIENCE, look);
    const look = () => {
      const server = this.#open.get(n);
      if (server && !server.machine.isDead) later();
      else if (server === null || server && keyed) this.#insist(n, { ask, keyed });
      else this.#open.delete(n);
    };
    later();
    if (up.length === 0) return;
    const server = this.dice.pick(up);
    this.#open.set(n, server);
    ask(server).catch(() => {}).then(() => this.#open.delete(n));
  }
}

/** What a client asks of a server. */
interface Request {
  readonly ask: (server: Process) => Promise<unknown>;
  readonly keyed?: boolean;
}

/** The kinds of requests. */
const REQUEST = {
  one(ledger: Ledger, dice: Dice): Request {
    const call = callOf(dice);
    return { ask: ({ queue }) => ledger.submit(queue, [call]) };
  },
  batch(ledger: Ledger, dice: Dice): Request {
    const calls = [callOf(dice), callOf(dice), callOf(dice)];
    return { ask: ({ queue }) => ledger.submit(queue, calls) };
  },
  keyed(ledger: Ledger, dice: Dice, n: number): Request {
    const calls = [callOf(dice), callOf(dice)];
    const key = { scope: "client", key: `request-${n}`, fingerprint: "" };
    return { ask: ({ queue }) => ledger.submit(queue, calls, key), keyed: true };
  },
  chord(ledger: Ledger, dice: Dice): Request {
    const [a, b] = [callOf(dice), callOf(dice)];
    const chain = { chain: [a, { ...b, immutable: true }] };
    const onFailure = dice.pick(["revoke", "continue"] as const);
    const node: WorkflowNode = { chord: { header: [a, chain], body: { name: "join", args: [] } }, onFailure };
    return { ask: ({ queue }) => ledger.submitWorkflow(queue, node) };
  },
  schedule(_ledger: Ledger, _dice: Dice, n: number): Request {
    const task = { name: "work", args: [0, 0] };
    const schedule = { id: `every-${n}`, task, trigger: { interval: 3 }, catchUp: "all" as const };
    return {
      ask: ({ queue, machine }) =>
        queue.schedules.create({ ...schedule, maxInstances: 2, endAt: machine.clock.now() + 9000 }),
    };
  },
  revoke(ledger: Ledger): Request {
    return {
      ask: async ({ queue }) => {
        const id = [...ledger.acknowledged].at(-1);
        if (id !== undefined) await queue.revoke(id);
      },
    };
  },
} satisfies Record<string, (ledger: Ledger, dice: Dice, n: number) => Request>;

function callOf(dice: Dice): TaskRequest {
  return {
    name: dice.pick(["work", "work", "alone", "once", "early"]),
    args: [dice.between(0, 3) / 2, dice.pick([0, 0, 1, 2])],
    priority: dice.between(0, 9),
    ...(dice.chance(0.2) && { delay: dice.between(1, 5) }),
  };
}
