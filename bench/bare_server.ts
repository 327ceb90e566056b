/**
 * A server that answers every request with the same few bytes: the most that HTTP leaves on this machine, and what the
 * load generator can do at all. With the path of a database it commits a task's rows before each answer: the least that
 * an accepted task takes. Prints its port; ends with its standard input.
 *
 * @module
 */
const answer = JSON.stringify({ task_id: crypto.randomUUID(), status: "Task submitted" });
const headers = { "content-type": "application/json" };

const constant = () => new Response(answer, { headers });
const [database] = Deno.args;
const submit = database === undefined ? null : await committing(database);

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  // deno-lint-ignore no-console -- its output
  onListen: ({ port }) => console.log(port),
}, submit ? () => submit().then(constant) : constant);

for await (const _ of Deno.stdin.readable);
Deno.exit();

/** Commits a task's rows. Loaded only for this: the other server is to be as small as Deno allows. */
async function committing(path: string): Promise<() => Promise<string>> {
  const { openAsEngine, rawSubmit } = await import("./ceiling.ts");
  return rawSubmit(await openAsEngine(path));
}
