/**
 * What a system's processes use, all of them together, as Linux counts it in `/proc`.
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
  /** Each process's resident pages, so that those they share count more than once. */
  readonly rss: number;
  /** The same with shared pages divided among those who share them. */
  readonly pss: number;
}

/** The memory that the processes have now. */
export function memoryOf(pids: readonly number[]): Memory {
  const sum = { rss: 0, pss: 0 };
  for (const pid of pids) {
    const text = rollupOf(pid);
    sum.rss += kilobytes(text, "Rss");
    sum.pss += kilobytes(text, "Pss");
  }
  return { rss: sum.rss * 1024 / 1e6, pss: sum.pss * 1024 / 1e6 };
}

function rollupOf(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  } catch {
    return "";
  }
}

function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
}
