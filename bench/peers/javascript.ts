/**
 * The folders of the peers that run JavaScript outside Deno: of their packages, and the one they run from.
 *
 * @module
 */
import { join } from "node:path";
import { ROOT } from "../workplace.ts";

/** The folder of a system's packages; its program is copied there, since packages are looked for beside it. */
export function packagesOf(system: string): string {
  return join(ROOT, ".cache", system);
}

/** Copies a system's program to its packages. @returns the program's path */
export function placed(system: string): string {
  for (const folder of [system, "js"]) {
    const [from, to] = [join(import.meta.dirname!, folder), join(packagesOf(system), folder)];
    Deno.mkdirSync(to, { recursive: true });
    for (const { name } of Deno.readDirSync(from)) Deno.copyFileSync(join(from, name), join(to, name));
  }
  return join(packagesOf(system), system, "main.mjs");
}

/** The packages that a system's `package.json` names and that are not there in that version. */
export function lackingPackages(system: string): string[] {
  const { dependencies } = JSON.parse(
    Deno.readTextFileSync(join(import.meta.dirname!, system, "package.json")),
  );
  const lacking = Object.entries(dependencies as Record<string, string>)
    .filter(([name, version]) => installed(system, name) !== version)
    .map(([name, version]) => `${name}@${version}`);
  if (lacking.length === 0) return [];
  return [`${lacking.join(", ")}: npm install --prefix .cache/${system} ${lacking.join(" ")}`];
}

function installed(system: string, name: string): string | null {
  try {
    return JSON.parse(
      Deno.readTextFileSync(join(packagesOf(system), "node_modules", name, "package.json")),
    ).version;
  } catch {
    return null;
  }
}
