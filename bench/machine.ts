/**
 * The machine that the figures were measured on.
 *
 * @module
 */
import { statfsSync } from "node:fs";
import { cpus, loadavg } from "node:os";

/** Names of Linux's file system types, so that figures of a file system in memory are not taken for a disk's. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: "ext2/3/4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs: in memory, nothing is on a disk",
  0x794c7630: "overlayfs",
  0x6969: "nfs",
  0x2fc12fc1: "zfs",
};

/** The machine, one fact a line. */
export function machine(folder: string): string[] {
  const { type } = statfsSync(folder);
  const cores = cpus();
  return [
    `machine   ${cores.length} cores, ${cores[0]?.model ?? "unknown model"}, ${Deno.build.target}`,
    `deno      ${Deno.version.deno}, V8 ${Deno.version.v8}`,
    `data      ${folder} (${FILE_SYSTEMS[type] ?? `file system 0x${type.toString(16)}`})`,
    `date      ${new Date().toISOString()}, load average ${load()}`,
  ];
}

/** The load average of the last minute: above 0 at the start, others disturb the figures. */
export function load(): string {
  return loadavg()[0]!.toFixed(2);
}
