/** A process of its own that opens the store named by its argument, says so or why not, and waits to be ended. */
import { StoreBrokenError } from "../../../queue/ground/errors.ts";
import { openStore } from "../../../queue/store/open.ts";

let answer: string;
try {
  const store = await openStore(Deno.args[0]!);
  await store.commit([], [{ type: "set", key: ["holder"], value: Deno.pid }]);
  answer = "open";
} catch (error) {
  if (!(error instanceof StoreBrokenError)) throw error;
  answer = `${error.message}\n${error.hint}`;
}
await Deno.stdout.write(new TextEncoder().encode(`${answer}\0`));
for await (const _ of Deno.stdin.readable);
