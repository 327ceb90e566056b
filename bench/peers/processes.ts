/**
 * The memory and processor time of all processes of a system together, as Linux counts it in `/proc`.
 *
 * @module
 */
import { statOf } from "../service.ts";

/** Clock ticks a second in `/proc/<pid>/stat`: the same on every Linux that Deno runs on. */
const TICKS = 100;

/** Processor seconds that the processes have used until now, and those children of theirs that have ended. */
export function processorSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    // utime, stime, cutime and cstime: fields 14 to 17.
    for (const field of statOf(pid)?.slice(11, 15) ?? []) ticks += Number(field);
  }
  return ticks / TICKS;
}

/** Memory in MB (10^6 bytes). */
export interface Memory {
  /**
   * Resident pages. Of processes that have forked or were forked, PSS: pages that they share count once. Not of others,
   * whose PSS is less when a stranger, such as the program that measures, runs the same executable.
   */
  readonly own: number;
  /** Each process's resident pages. */
  readonly rss: number;
}

/** The memory that a system's processes have now. */
export function memoryOf(pids: readonly number[]): Memory {
  const parents = new Map(pids.map((pid) => [pid, Number(statOf(pid)?.[1])]));
  const children = pids.filter((pid) => parents.has(parents.get(pid)!));
  const forked = new Set(children.flatMap((pid) => [pid, parents.get(pid)!]));
  const sum = { own: 0, rss: 0 };
  for (const pid of pids) {
    const text = rollupOf(pid);
    const rss = megabytes(text, "Rss");
    sum.rss += rss;
    sum.own += forked.has(pid) ? megabytes(text, "Pss") : rss;
  }
  return sum;
}

function rollupOf(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  } catch {
    return "";
  }
}

function megabytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(text)?.[1] ?? 0) * 1024 / 1e6;
}
