/**
 * The functions that the tests have run in threads.
 *
 * @module
 */
import process from "node:process";
import { MessagePort, parentPort, threadId, workerData } from "node:worker_threads";
import { NonRetryableError, type ThreadContext } from "../../../queue/mod.ts";

/** Calls of {@link warm} in this thread. */
let calls = 0;

export function add(_context: ThreadContext, x: number, y: number): number {
  return x + y;
}

export function describeContext(context: ThreadContext): unknown {
  const { id, name, retries, maxRetries, idempotencyKey } = context;
  return { id, name, retries, maxRetries, idempotencyKey, aborted: context.signal.aborted };
}

/** Which thread it ran in, and how often that has been called. */
export function warm(): { thread: number; calls: number } {
  return { thread: threadId, calls: ++calls };
}

export function give(_context: ThreadContext, kind: string): unknown {
  const values: Record<string, () => unknown> = {
    nothing: () => undefined,
    date: () => new Date(0),
    function: () => ({ deep: [() => 1] }),
    map: () => new Map(),
    large: () => "x".repeat(600 * 1024),
    middling: () => "x".repeat(100 * 1024),
    "undefined of toJSON": () => ({ toJSON: () => undefined }),
  };
  return values[kind]!();
}

export function fail(context: ThreadContext, kind: string): void {
  context.log.info(`run ${context.retries}`);
  const errors: Record<string, () => unknown> = {
    type: () => new TypeError("not like this"),
    code: () => Object.assign(new Error("coded"), { code: "E_TEST" }),
    text: () => "just a text",
    cause: () => {
      const parts = [Object.assign(new RangeError("first"), { code: "E_FIRST" }), "second"];
      return new Error("outer", { cause: new AggregateError(parts, "all failed") });
    },
    round: () => {
      const error = new Error("round and round");
      return Object.assign(error, { cause: error });
    },
    final: () => new NonRetryableError("never again"),
    later: () => context.retry({ in: 0.01, error: new RangeError("try later") }),
    unreadable: () =>
      Object.defineProperty(new Error(), "name", {
        get() {
          throw new Error("no");
        },
      }),
  };
  throw errors[kind]!();
}

/** Fails until it is run for the third time. */
export function thirdTime(context: ThreadContext): string {
  if (context.retries < 2) throw new Error(`run ${context.retries}`);
  return "done";
}

export async function tell(context: ThreadContext): Promise<string> {
  context.log.warn("half of it");
  context.progress({ done: 1 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  context.progress({ done: 2 });
  return "told";
}

/** Reports more often than anybody could read. */
export function chatter(context: ThreadContext, times: number): number {
  for (let i = 1; i <= times; i++) context.progress(i);
  return times;
}

export function tooMuchProgress(context: ThreadContext): void {
  context.progress("x".repeat(20_000));
}

/** Reports what JSON has no text for. */
export function emptyProgress(context: ThreadContext): string {
  context.progress({ toJSON: () => undefined } as never);
  return "told";
}

export function spin(context: ThreadContext): never {
  context.progress("spinning");
  for (;;);
}

/** Never awaits, and looks at its signal. */
export function spinUntilAborted(context: ThreadContext): string {
  context.progress("spinning");
  while (!context.signal.aborted);
  return (context.signal.reason as Error).name;
}

/** Never ends in its first run. */
export function spinAtFirst(context: ThreadContext): string {
  while (context.retries === 0);
  return "second run";
}

/** Awaits its signal. */
export function untilAborted(context: ThreadContext): Promise<string> {
  const { signal } = context;
  return new Promise((resolve) => {
    const tell = () => resolve(`${signal.reason.name}: ${signal.reason.message}`);
    if (signal.aborted) tell();
    else signal.addEventListener("abort", tell);
  });
}

export function hang(context: ThreadContext): Promise<never> {
  context.progress("hanging");
  return new Promise(() => {});
}

/** Allocates until it cannot. */
export async function devour(_context: ThreadContext, how: string): Promise<void> {
  const kept: unknown[] = [];
  const eat = () => {
    for (let i = 0;; i++) kept.push({ i, more: [i] });
  };
  if (how === "timer") setTimeout(eat);
  else if (how === "await") await Promise.resolve().then(eat);
  else if (how === "caught") {
    try {
      eat();
    } catch { /* It does not want to know. */ }
  } else eat();
  await new Promise(() => {});
}

export function exit(_context: ThreadContext, code: number): Promise<never> {
  process.exit(code);
}

export function throwLater(): Promise<never> {
  setTimeout(() => {
    throw new TypeError("in a callback");
  });
  return new Promise(() => {});
}

export function rejectLater(): Promise<never> {
  Promise.reject(new RangeError("nobody looked"));
  return new Promise(() => {});
}

/** Returns, and throws when nothing runs in its thread any more. */
export function throwAfterwards(): string {
  setTimeout(() => {
    throw new Error("too late");
  }, 20);
  return "returned";
}

/** The runtime's own channel to and from a worker, as code that was written for workers uses it. */
// deno-lint-ignore no-explicit-any -- the types of a page's program do not have it
const worker = globalThis as any;

/** Messages as the engine's own threads send them, and some that nobody sends. */
export const MESSAGES: readonly unknown[] = [
  null,
  undefined,
  1,
  "done",
  {},
  { type: "progress", value: 1 },
  { type: "progress", json: "{" },
  { type: "log", level: "no level", message: "forged" },
  { type: "loaded" },
  { type: "done" },
  { type: "done", json: '"forged"' },
  {
    type: "failed",
    run: 1,
    error: { kind: "error", name: "Forged", message: "", stack: null },
    spoiled: true,
  },
  { type: "failed" },
  { type: "out-of-memory" },
  { type: "end" },
  { type: "run", run: 1, task: null },
];

/** Every way by which a function can say something that only the engine should say. */
const CHANNELS: Record<string, (message: unknown, context: ThreadContext) => void> = {
  globalThis: (message) => worker.postMessage(message),
  parentPort: (message) => parentPort!.postMessage(message),
  "an event of globalThis": (data) => void worker.dispatchEvent(new MessageEvent("message", { data })),
  "ports in workerData": (message) => {
    const values = Object.values(workerData ?? {});
    for (const port of values) if (port instanceof MessagePort) port.postMessage(message);
  },
  "the context": (message, context) => {
    for (const value of Object.values<unknown>({ ...context })) {
      if (value instanceof MessagePort) value.postMessage(message);
      if (typeof value === "function") value(message);
    }
  },
};

/** Sends every message by one channel, has them arrive, and returns a result of its own. */
export async function meddle(context: ThreadContext, channel: string): Promise<string> {
  for (const message of MESSAGES) CHANNELS[channel]!(message, context);
  await new Promise((resolve) => setTimeout(resolve, 20));
  return "own result";
}

/** Ends its thread, or what the runtime offers for talking to it. */
export async function cutOff(_context: ThreadContext, how: string): Promise<string> {
  const ways: Record<string, () => void> = {
    "close()": () => worker.close(),
    "parentPort.unref()": () => parentPort!.unref(),
    "Deno.exit()": () => Deno.exit(0),
  };
  ways[how]!();
  await new Promise((resolve) => setTimeout(resolve, 20));
  return "own result";
}

/** What {@link leaveBehind} waits for when its task has ended. */
const gate = Promise.withResolvers<void>();

/** Leaves work behind that fails in a later task's time. */
export function leaveBehind(): number {
  (async () => {
    await gate.promise;
    throw new Error("left behind");
  })();
  return threadId;
}

/** Has what was left behind fail while it runs itself. */
export async function runBeside(): Promise<number> {
  gate.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  return threadId;
}

/** Rejects in its own time what it looks at nowhere, after another task has run in its thread. */
export function rejectNow(): Promise<never> {
  setTimeout(() => Promise.reject(new RangeError("its own")));
  return new Promise(() => {});
}
