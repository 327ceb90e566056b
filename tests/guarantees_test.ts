/** docs/guarantees.md names tests that exist, and each promise has one. */
import assert from "node:assert/strict";
import { join } from "node:path";

const ROOT = join(import.meta.dirname!, "..");
const text = Deno.readTextFileSync(join(ROOT, "docs/guarantees.md"));
const promises = text.split("\n## ")[1]!.split(/\n(?=\d+\. )/).slice(1);

Deno.test("each promise names tests that exist, and files that exist", () => {
  assert(promises.length > 10);
  for (const promise of promises) {
    const tests = [...promise.matchAll(/^ +- `(tests\/[\w/]+_test\.ts)`: "(.+)"$/gm)];
    assert(tests.length > 0, promise);
    for (const [, path, name] of tests) {
      const source = Deno.readTextFileSync(join(ROOT, path!));
      // A name that goes on with what a loop puts in.
      const literal = name!.endsWith("…") ? `\`${name!.slice(0, -1)}` : `"${name}"`;
      assert(source.includes(literal), `${path} has no test ${literal}`);
    }
    for (const [, path] of promise.matchAll(/`(queue\/[\w/.]+)`/g)) Deno.statSync(join(ROOT, path!));
  }
});
