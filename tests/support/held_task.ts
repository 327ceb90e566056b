/**
 * A task whose runs the test ends when and how it likes.
 *
 * @module
 */
import { z } from "zod";
import type { AnyTaskDefinition, TaskContext, TaskOptions } from "../../queue/mod.ts";

/** Any number of any arguments. */
export const anyArgs = z.tuple([]).rest(z.unknown());

/** One run of a held task. */
export interface HeldRun {
  readonly ctx: TaskContext;
  readonly args: readonly unknown[];
  /** The handler returns. */
  finish(value?: unknown): void;
  /** The handler throws. */
  fail(error: unknown): void;
}

/** A definition and its runs so far, in the order of their starts. */
export interface HeldTask {
  readonly definition: AnyTaskDefinition;
  readonly runs: HeldRun[];
}

/** Makes a task whose handler returns when the test says so. It ignores its signal. */
export function heldTask(name: string, options: Partial<TaskOptions> = {}): HeldTask {
  const runs: HeldRun[] = [];
  const handler = (ctx: TaskContext, ...args: unknown[]) => {
    const { promise, resolve: finish, reject: fail } = Promise.withResolvers<unknown>();
    runs.push({ ctx, args, finish, fail });
    return promise;
  };
  return { definition: { args: anyArgs, ...options, name, handler }, runs };
}

/** A task of any arguments. */
export function task(
  name: string,
  handler: (ctx: TaskContext, ...args: unknown[]) => unknown,
  options: Partial<TaskOptions> = {},
): AnyTaskDefinition {
  return { args: anyArgs, ...options, name, handler };
}
