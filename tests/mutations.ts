/**
 * The purpose of each mechanism: takes one after the other out of a copy of the repository, and prints the tests that
 * then fail. Exits with 1 when something can be taken out without a test noticing.
 *
 * ```sh
 * deno run -A tests/mutations.ts          # all of them, about a minute each
 * deno run -A tests/mutations.ts lane     # those whose name has this in it
 * ```
 */
import { join } from "node:path";

const ROOT = join(import.meta.dirname!, "..");

/** A mechanism taken out: `find` becomes `replace`. */
interface Mutation {
  readonly name: string;
  /** What keeps to it. */
  readonly why: string;
  readonly file: string;
  /** Stands in the file once. */
  readonly find: string;
  readonly replace: string;
}

/** All of them; `mutations_test.ts` keeps them matching the code. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: "harmless observers",
    why: "invariant 1: what an observer throws stops no end",
    file: "queue/assemble.ts",
    find: "      tell(event);",
    replace: "      options.onEvent?.(event);",
  },
  {
    name: "results are read at once",
    why: "what a handler returned is encoded before another handler can change it",
    file: "queue/run/run.ts",
    find: ": await succeeded(record, value);",
    replace: ": succeeded(record, await value);",
  },
  {
    name: "lane check",
    why: "invariant 3: a commit that is repeated, or lands after it was given up, changes nothing",
    file: "queue/commit/lane.ts",
    find: "const checks = [{ key: this.key, versionstamp: this.#versionstamp }, ...commit.checks];",
    replace: "const checks = [...commit.checks];",
  },
  {
    name: "closing of a lane",
    why: "invariant 10: what was told not to have landed cannot land any more",
    file: "queue/commit/lane.ts",
    find: "commit = await next(commit, answer.lost);",
    replace: `{
        commit = await next(commit, answer.lost);
        if (commit.mutations.length === 0) return { commit, versionstamp: this.#versionstamp };
      }`,
  },
  {
    name: "evidence after a fence",
    why: "invariant 10: what landed before its process was judged lost is not sent again",
    file: "queue/commit/committer.ts",
    find: "if (entry || pending.givenUp) pending.resolve(entry ? entry.versionstamp : null);",
    replace: "if (pending.givenUp) pending.resolve(null);",
  },
  {
    name: "units of a former registration are dropped",
    why: "invariant 3: what was decided in a lost worker's name is not stored in its successor's",
    file: "queue/commit/unit_queue.ts",
    find: "if (worker === undefined || worker === current) return false;",
    replace: "if (worker !== null) return false;",
  },
  {
    name: "holds",
    why: "units that conflict neither share a commit nor overtake each other",
    file: "queue/commit/unit_queue.ts",
    find: "if (!fits || !this.#holds.allow(unit, pending.checkIds, pending.mutationIds)) {",
    replace: "if (!fits) {",
  },
  {
    name: "checked removal: claim",
    why: "invariant 4: two never claim the same task",
    file: "queue/task/moves.ts",
    find: "checks.push({ key: entry.key, versionstamp: entry.versionstamp });",
    replace: "",
  },
  {
    name: "checked removal: end of a waiting task",
    why: "invariants 4 and 5: a task that was claimed does not end as one that waits",
    file: "queue/task/moves.ts",
    find: "  return { checks: [{ key: place.key, versionstamp: place.versionstamp }], mutations };",
    replace: "  return { checks: [], mutations };",
  },
  {
    name: "checked removal: release and promotion",
    why: "invariant 4: what was revoked or released before does not become ready again",
    file: "queue/task/moves.ts",
    find: `    checks: [{ key: entry.key, versionstamp: entry.versionstamp }],
    mutations: [del(entry.key), put(keys.ready(from.channel, from.priority, id), to)],`,
    replace: `    checks: [],
    mutations: [del(entry.key), put(keys.ready(from.channel, from.priority, id), to)],`,
  },
  {
    name: "rescue's check of the worker as it was judged",
    why: "invariant 9: a worker that has shown life meanwhile is not lost",
    file: "queue/membership/rescuer.ts",
    find: "        checks: [{ key: entry.key, versionstamp }],\n        mutations: [...lanes",
    replace: "        checks: [],\n        mutations: [...lanes",
  },
  {
    name: "rescue's check of the worker before it gives runs back",
    why: "two rescuers never give back the same run",
    file: "queue/membership/rescuer.ts",
    find: "      checks: [{ key: entry.key, versionstamp }],\n      mutations: [last",
    replace: "      checks: [],\n      mutations: [last",
  },
  {
    name: "requeue's check that nobody revokes",
    why: "a run that was revoked is not repeated",
    file: "queue/task/moves.ts",
    find: "  return { checks: [{ key: keys.revoke(record.id), versionstamp: null }], mutations };",
    replace: "  return { checks: [], mutations };",
  },
  {
    name: "schedule's check of its row",
    why: "invariant 7: one task per occurrence",
    file: "queue/schedules/row.ts",
    find: "return { checks: [entry], mutations };",
    replace: "return { checks: [], mutations };",
  },
  {
    name: "group's check of its row when it fires",
    why: "a body starts once",
    file: "queue/workflow/release.ts",
    find: "commitMoves(engine, { checks: [entry!], mutations }, moves)",
    replace: "commitMoves(engine, { checks: [], mutations }, moves)",
  },
  {
    name: "claim's check of the channel",
    why: "after a pause was answered nothing of the channel starts",
    file: "queue/limits/overrides.ts",
    find: "if (!this.shared) return [];",
    replace: "return [];",
  },
  {
    name: "a key's check when it is taken",
    why: "invariant 6: of requests that race with one key only one stores its tasks",
    file: "queue/request/idempotency.ts",
    find: "const checks: Check[] = [{ key, versionstamp: entry?.versionstamp ?? null }];",
    replace: "const checks: Check[] = [];",
  },
  {
    name: "a claim's check of its limits",
    why: "no more tasks of a concurrency key run than may, in all processes together",
    file: "queue/limits/admission.ts",
    find: "checks: used.map(({ key, entry }) => ({ key, versionstamp: entry?.versionstamp ?? null })),",
    replace: "checks: [],",
  },
  {
    name: "keys of arguments that come late",
    why: "guarantee 15: a workflow's task counts under the key that its result makes",
    file: "queue/task/moves.ts",
    find: "if (unkeyed) return { name, deliveries, unkeyed };",
    replace: "",
  },
  {
    name: "a handler's writes in the commit of its end",
    why: "invariant 5: what a handler writes by ctx.commit lands with its result",
    file: "queue/run/settle.ts",
    find: "writes ? together(unit, writes) : unit",
    replace: "unit",
  },
  {
    name: "expiry of a task that is claimed too late",
    why: "a task that has expired before its start never starts",
    file: "queue/run/run.ts",
    find: "if (this.#hasExpired()) return",
    replace: "if (false) return",
  },
];

/** Where the mechanisms have their tests. */
const TESTS = [
  "tests/queue/faults",
  "tests/queue/run/commit_test.ts",
  "tests/queue/care/expiry_test.ts",
  "tests/queue/commit/holds_test.ts",
  "tests/queue/limits",
  "tests/queue/schedules/race_test.ts",
  "tests/interleavings",
  "tests/model",
];

/** Milliseconds after which a run of the tests hangs: also a failure. */
const PATIENCE = 240_000;

/** Copies what is needed to run the tests. */
async function copyTo(folder: string): Promise<void> {
  const list = await new Deno.Command("git", { args: ["ls-files", "-co", "--exclude-standard"], cwd: ROOT })
    .output();
  for (const path of new TextDecoder().decode(list.stdout).split("\n")) {
    if (!/^(queue|tests|deno\.)/.test(path)) continue;
    await Deno.mkdir(join(folder, path, ".."), { recursive: true });
    await Deno.copyFile(join(ROOT, path), join(folder, path));
  }
}

/** Runs the tests; resolves to the names of those that failed. */
async function failing(folder: string): Promise<string[]> {
  const tests = new Deno.Command("deno", {
    args: ["test", "-q", "-P=test", "--no-check", "--reporter=tap", ...TESTS],
    cwd: folder,
    env: { NO_COLOR: "1", SLUICE_MODEL: "20" },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const hangs = setTimeout(() => tests.kill("SIGKILL"), PATIENCE);
  const { code, stdout } = await tests.output();
  clearTimeout(hangs);
  const text = new TextDecoder().decode(stdout);
  const names = [...text.matchAll(/^not ok \d+ - (.*)$/gm)].map(([, name]) => name!);
  return code === 0 || names.length > 0 ? names : ["(the tests hang, or do not start)"];
}

async function mutate(folder: string, { name, file, find, replace }: Mutation): Promise<() => Promise<void>> {
  const path = join(folder, file);
  const text = await Deno.readTextFile(path);
  if (text.split(find).length !== 2) throw new Error(`'${name}': ${file} must contain this once: ${find}`);
  await Deno.writeTextFile(path, text.replace(find, () => replace));
  return () => Deno.writeTextFile(path, text);
}

function print(line: string): void {
  // deno-lint-ignore no-console -- the table is what is asked for
  console.log(line);
}

if (import.meta.main) {
  const wanted = MUTATIONS.filter(({ name }) => name.includes(Deno.args[0] ?? ""));
  const folder = await Deno.makeTempDir({ prefix: "sluice-mutations-" });
  let unnoticed = 0;
  try {
    await copyTo(folder);
    for (const mutation of MUTATIONS) await (await mutate(folder, mutation))();
    const before = await failing(folder);
    if (before.length > 0) throw new Error(`The tests fail as they are: ${before.join(", ")}`);
    for (const mutation of wanted) {
      const undo = await mutate(folder, mutation);
      const names = await failing(folder);
      await undo();
      if (names.length === 0) unnoticed++;
      print(`\n${mutation.name} (${mutation.why}): ${names.length} tests fail without it`);
      for (const name of names) print(`  ${name}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  print(`\n${wanted.length} mechanisms taken out, ${unnoticed} of them unnoticed`);
  Deno.exit(unnoticed > 0 ? 1 : 0);
}
