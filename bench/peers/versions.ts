/**
 * The versions of what was measured.
 *
 * @module
 */
import { join } from "node:path";
import { ROOT } from "../workplace.ts";
import { packagesOf } from "./javascript.ts";
import type { Peer } from "./peer.ts";

const FOLDER = import.meta.dirname!;

/** A line for each system, with what it runs on. */
export async function versions(peers: readonly Peer[]): Promise<string[]> {
  const systems = new Set(peers.map(({ system }) => system));
  const lines: Record<string, () => Promise<string>> = {
    sluice: async () => `commit ${await said("git", "describe", "--always", "--dirty")}`,
    bullmq: async () => `${packages("bullmq")}; Node ${await said("node", "--version")}; ${await redis()}`,
    celery: async () => {
      const pinned = Deno.readTextFileSync(join(FOLDER, "celery/requirements.txt")).trim().split("\n").join(
        ", ",
      );
      return `${pinned}; ${await said(
        join(ROOT, ".cache/celery/bin/python"),
        "--version",
      )}; ${await redis()}`;
    },
    bunqueue: () => Promise.resolve(packages("bunqueue")),
  };
  const all = [...systems].map(async (system) => `${system.padEnd(10)}${await lines[system]!()}`);
  return await Promise.all(all);
}

function packages(system: string): string {
  const { dependencies } = JSON.parse(
    Deno.readTextFileSync(join(packagesOf(system), system, "package.json")),
  );
  return Object.entries(dependencies).map(([name, version]) => `${name} ${version}`).join(", ");
}

async function redis(): Promise<string> {
  return `Redis ${/v=(\S+)/.exec(await said("redis-server", "--version"))?.[1]}`;
}

async function said(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args, cwd: ROOT }).output();
  return new TextDecoder().decode(stdout).trim();
}
