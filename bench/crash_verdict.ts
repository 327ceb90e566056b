/**
 * The verdict on a crash run: every accepted task was done once.
 *
 * @module
 */
import { census } from "./census.ts";

/** What became of the tasks. */
export interface CrashVerdict {
  readonly accepted: number;
  readonly success: number;
  /** Failed as WorkerLostError: their worker was lost as often as a task may be delivered. */
  readonly workerLost: number;
  /** Runs that kills have cut off, as far as the line that says so was not cut off as well. */
  readonly rescuedRuns: number;
}

/**
 * Compares what was accepted with what is stored and what was logged. The arguments of each task are two integers, its
 * result their sum.
 *
 * @throws when a task was lost, done twice, or is still open, or a server logged an error
 */
export async function verdict(
  kvPath: string,
  name: string,
  accepted: readonly string[],
  logs: readonly string[],
): Promise<CrashVerdict> {
  const { tasks, rows } = await census(kvPath, name);
  const faults: string[] = [];
  let success = 0;
  let workerLost = 0;
  for (const id of accepted) {
    const task = tasks.get(id);
    const [x, y] = task?.args as [number, number] ?? [];
    if (task?.state === "SUCCESS" && task.result === x + y) success++;
    else if (task?.state === "FAILURE" && task.error?.type === "WorkerLostError") workerLost++;
    else faults.push(`Task ${id} was accepted and is ${JSON.stringify(task ?? "gone")}`);
  }
  if (new Set(accepted).size !== accepted.length) faults.push("Two tasks were answered with one id");
  if (tasks.size !== accepted.length) {
    faults.push(`${accepted.length} were accepted, ${tasks.size} are stored`);
  }
  for (const family of ["ready", "run", "delayed", "blocked"]) {
    if (rows[family]) faults.push(`${rows[family]} rows are left in ${family}`);
  }
  const { finished, rescuedRuns, errors } = readLogs(logs);
  faults.push(...errors);
  for (const [id, times] of finished) if (times > 1) faults.push(`Task ${id} was settled ${times} times`);
  if (faults.length > 0) {
    throw new Error(`${faults.length} faults:\n${faults.slice(0, 20).join("\n")}`);
  }
  return { accepted: accepted.length, success, workerLost, rescuedRuns };
}

/** What the lives have logged. A kill may cut off last lines, so that some ends are not among them. */
function readLogs(
  logs: readonly string[],
): { finished: Map<string, number>; rescuedRuns: number; errors: string[] } {
  const finished = new Map<string, number>();
  const errors: string[] = [];
  let rescuedRuns = 0;
  for (const [life, log] of logs.entries()) {
    for (const line of log.split("\n").slice(0, -1)) {
      const entry = parsed(line);
      if (entry?.message === "finished") finished.set(entry.task_id, (finished.get(entry.task_id) ?? 0) + 1);
      else if (entry?.message === "rescued") rescuedRuns += entry.tasks;
      else if (!entry || entry.level === "error") errors.push(`Life ${life} logged: ${line}`);
    }
  }
  return { finished, rescuedRuns, errors };
}

// deno-lint-ignore no-explicit-any -- a log line's fields differ by its message
function parsed(line: string): any {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
