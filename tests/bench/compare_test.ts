import assert from "node:assert/strict";
import { join } from "node:path";
import { comparison } from "../../bench/compare.ts";
import { GitTree, stateOf } from "../../bench/git_tree.ts";
import { spread } from "../../bench/statistics.ts";
import { ROOT } from "../../bench/workplace.ts";

Deno.test("a spread leaves out as many of the outer values as still leave 95 % for the median", () => {
  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
  // From the tables of the sign test.
  const known = new Map([[1, [1, 1]], [5, [1, 5]], [8, [1, 8]], [9, [2, 8]], [12, [3, 10]], [20, [6, 15]]]);
  for (const [count, ends] of known) assert.deepEqual(spread(upTo(count).toReversed()), ends);
});

Deno.test("two versions differ where 1 is not between the quotients of their rounds", () => {
  const rounds = [1, 2, 3, 4, 5, 6].map((n) => ({
    A: { rate: 100 * n, cost: 10, same: n, errors: 0, old: 1 },
    B: { rate: 100 * n + 10, cost: 9, same: 7 - n, errors: 0, new: 1, ...n > 1 && { some: 1 } },
  }));
  assert.deepEqual(comparison(rounds).map((line) => line.replace(/ {2,}/g, "|")), [
    "|A|B|B / A|from|to|B has",
    "rate|350|360|1.029|1.017|1.100|more",
    "cost|10|9|0.900|0.900|0.900|less",
    "same|3.500|3.500|1.042|0.167|6.000|1 is in between",
    "errors|0|0|1.000|1.000|1.000|1 is in between",
    "old: left out, not in every round of both",
    "new: left out, not in every round of both",
    "some: left out, not in every round of both",
  ]);
});

Deno.test("another version keeps its code, takes our benchmarks with what they may do, and leaves nothing", () => {
  const root = Deno.makeTempDirSync();
  const write = (text: string) => {
    Deno.mkdirSync(join(root, "bench"), { recursive: true });
    for (const file of ["main.ts", `bench/${text}.ts`]) Deno.writeTextFileSync(join(root, file), text);
    const permissions = { server: text, bench: text };
    Deno.writeTextFileSync(join(root, "deno.json"), JSON.stringify({ imports: { zod: text }, permissions }));
  };
  git(root, "init", "--quiet");
  write("old");
  git(root, "add", ".");
  git(root, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "--quiet", "--message", "old");
  assert.equal(stateOf(root).changed, false);
  Deno.removeSync(join(root, "bench/old.ts"));
  write("new");
  assert.equal(stateOf(root).changed, true);

  const folder = join(root, "tree");
  assert.throws(() => GitTree.checkOut(root, "nothing", folder), { message: "no such commit" });
  assert.throws(() => GitTree.checkOut(root, "--all", folder));
  {
    using tree = GitTree.checkOut(root, "HEAD", folder);
    assert.equal(tree.commit, stateOf(root).commit);
    tree.useBench();
    assert.equal(Deno.readTextFileSync(join(folder, "main.ts")), "old");
    assert.deepEqual([...Deno.readDirSync(join(folder, "bench"))].map(({ name }) => name), ["new.ts"]);
    assert.deepEqual(JSON.parse(Deno.readTextFileSync(join(folder, "deno.json"))), {
      imports: { zod: "old" },
      permissions: { server: "old", bench: "new" },
    });
  }
  assert.equal(git(root, "worktree", "list").trim().split("\n").length, 1);
  Deno.removeSync(root, { recursive: true });
});

Deno.test("bench --compare measures a commit and the work tree in processes of their own", {
  ignore: !isRepository(),
}, async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", "bench", "pickup", "--compare", "HEAD", "--rounds", "1"],
    cwd: ROOT,
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, `${out}${err}`);
  assert.match(out!, /^engine: result p50 ms +[\d.]+ +[\d.]+ +[\d.]+/m);
  assert.doesNotMatch(out!, /^raw/m);
  assert.doesNotMatch(git(ROOT, "worktree", "list"), new RegExp(`${ROOT}/.cache/bench`));
});

function isRepository(): boolean {
  try {
    return git(ROOT, "rev-parse", "--show-toplevel").trim() === ROOT;
  } catch {
    return false;
  }
}

function git(cwd: string, ...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command("git", { args, cwd }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
