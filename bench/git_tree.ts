/**
 * Another version of this repository, to be measured beside this one.
 *
 * @module
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A git work tree of a commit. Removed when it is disposed of. */
export class GitTree implements Disposable {
  /**
   * @param folder where it lies
   * @param commit its abbreviated id
   */
  private constructor(readonly root: string, readonly folder: string, readonly commit: string) {}

  /**
   * Checks a commit of the repository at `root` out into a new folder.
   *
   * @param ref a branch, a tag, a commit
   * @throws Error what git says: no such commit, no repository, no git
   */
  static checkOut(root: string, ref: string, folder: string): GitTree {
    const id = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`);
    git(root, "worktree", "add", "--quiet", "--detach", folder, id);
    return new GitTree(root, folder, id.slice(0, 7));
  }

  /**
   * Has it measured by `root`'s own benchmarks, so that both versions do the same work and are asked for the same figures.
   * The rest is its own: code, packages, settings of V8.
   */
  useBench(): void {
    rmSync(join(this.folder, "bench"), { recursive: true, force: true });
    cpSync(join(this.root, "bench"), join(this.folder, "bench"), { recursive: true });
    const [ours, theirs] = [this.root, this.folder].map((tree) =>
      JSON.parse(readFileSync(join(tree, "deno.json"), "utf8"))
    );
    theirs.permissions = { ...theirs.permissions, bench: ours.permissions.bench };
    writeFileSync(join(this.folder, "deno.json"), JSON.stringify(theirs));
  }

  [Symbol.dispose](): void {
    git(this.root, "worktree", "remove", "--force", this.folder);
  }
}

/** The commit that a tree has checked out, and whether files differ from it. */
export function stateOf(root: string): { commit: string; changed: boolean } {
  return {
    commit: git(root, "rev-parse", "HEAD").slice(0, 7),
    changed: git(root, "status", "--porcelain") !== "",
  };
}

function git(root: string, ...args: string[]): string {
  let output: Deno.CommandOutput;
  try {
    output = new Deno.Command("git", { args, cwd: root }).outputSync();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error("git is not installed", { cause: error });
    throw error;
  }
  const [out, err] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  if (!output.success) throw new Error(err || "no such commit");
  return out!;
}
