/**
 * A server that answers nothing: a request with `Prefer` is never answered, any other by a stream in which nothing comes.
 * What it takes is what connections cost whatever the program does. Prints its port; ends with its standard input.
 *
 * @module
 */
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  // deno-lint-ignore no-console -- its output
  onListen: ({ port }) => console.log(port),
}, (request) => {
  if (request.headers.has("prefer")) return new Promise<Response>(() => {});
  return new Response(new ReadableStream({ pull: () => new Promise(() => {}) }, { highWaterMark: 0 }));
});

for await (const _ of Deno.stdin.readable);
Deno.exit();
