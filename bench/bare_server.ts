/**
 * A server that answers every request with the same few bytes: the most that HTTP leaves on this machine, and what the
 * load generator can do at all. Prints its port; ends with its standard input.
 *
 * @module
 */
const answer = JSON.stringify({ task_id: crypto.randomUUID(), status: "Task submitted" });
const headers = { "content-type": "application/json" };

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  // deno-lint-ignore no-console -- its output
  onListen: ({ port }) => console.log(port),
}, () => new Response(answer, { headers }));

for await (const _ of Deno.stdin.readable);
Deno.exit();
