/** Commits 100 rows at a time until the store breaks; prints the count of commits, and the error's name, message and hint. */
import { StoreBrokenError } from "../../../queue/ground/errors.ts";
import { openStore } from "../../../queue/store/open.ts";
import type { Mutation } from "../../../queue/store/port.ts";

const store = await openStore(Deno.args[0]!);
const rows = Array.from({ length: 100 }, (_, n) => n);
for (let committed = 0;; committed++) {
  try {
    const mutations = rows.map((n): Mutation => ({
      type: "set",
      key: ["row", committed, n],
      value: new Uint8Array(700),
    }));
    await store.commit([], mutations);
  } catch (error) {
    if (!(error instanceof StoreBrokenError)) throw error;
    await Deno.stdout.write(
      new TextEncoder().encode(`${committed}\n${error.name}\n${error.message}\n${error.hint}\n`),
    );
    break;
  }
}
store.close();
