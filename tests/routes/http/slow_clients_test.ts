/** Clients that are slow, or stuck, on real sockets: the others are served and the work goes on, and none costs memory. */
import assert from "node:assert/strict";
import { type Queue, systemClock } from "../../../queue/mod.ts";
import { createApp } from "../../../routes/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";

const STUCK = 20;

/** The app of a queue on a port of its own. */
function serve(queue: Queue) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, createApp({ queue }).fetch);
  const { port } = server.addr as Deno.NetAddr;
  return {
    url: `http://127.0.0.1:${port}`,
    connect: () => Deno.connect({ hostname: "127.0.0.1", port }),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Sends text to a server that may not read it. */
async function send(client: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let sent = 0; sent < bytes.length;) sent += await client.write(bytes.subarray(sent));
}

async function submitted(url: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const response = await fetch(`${url}/v1/tasks`, {
      method: "POST",
      headers: { "content-type": "application/json", prefer: "wait=20" },
      body: JSON.stringify({ name: "quick", args: [n] }),
    });
    assert.equal(response.status, 200);
    assert.equal((await response.json()).result, n);
  }
}

const quick = task("quick", (_ctx, n) => n);
const options = { definitions: [quick], clock: systemClock };

Deno.test("bodies that come byte by byte hold nobody up", async () => {
  await using q = await openQueue(options);
  await using server = serve(q.queue);
  const body = JSON.stringify({ name: "quick", args: ["slow"] });
  const head =
    "POST /v1/tasks HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close\r\n" +
    `content-length: ${body.length}\r\n\r\n`;
  const clients = await Promise.all(Array.from({ length: STUCK }, () => server.connect()));
  for (const client of clients) await send(client, head);
  for (const byte of body.slice(0, -1)) {
    for (const client of clients) await send(client, byte);
    await submitted(server.url, 1);
  }
  assert.equal((await q.queue.list({ limit: 100 })).tasks.length, body.length - 1);
  // Half of them give up, the other half come to their end.
  for (const [n, client] of clients.entries()) {
    if (n % 2 === 0) {
      await send(client, body.at(-1)!);
      assert.match(await new Response(client.readable).text(), /^HTTP\/1.1 202 /);
    } else client.close();
  }
  assert.equal((await q.queue.list({ limit: 100 })).tasks.length, body.length - 1 + STUCK / 2);
});

Deno.test("clients that never read their answers hold nobody up", async () => {
  await using q = await openQueue(options);
  await using server = serve(q.queue);
  await submitted(server.url, 100);
  const clients = await Promise.all(Array.from({ length: STUCK }, () => server.connect()));
  // 60 kB each: far more than the sockets take.
  const request = "GET /v1/tasks?limit=100 HTTP/1.1\r\nhost: a\r\n\r\n".repeat(30);
  for (const client of clients) await send(client, request);
  await submitted(server.url, 100);
  for (const client of clients) client.close();
});

Deno.test("an event stream that is not read is not filled: its reader is told the latest when it reads again", async () => {
  const held = heldTask("held", { timeLimit: 100_000 });
  await using q = await openQueue({ definitions: [held.definition] });
  let told = 0;
  const queue: Queue = new Proxy(q.queue, {
    get: (of, name) => {
      if (name !== "watch") return Reflect.get(of, name).bind?.(of) ?? Reflect.get(of, name);
      return async function* (...args: Parameters<Queue["watch"]>) {
        for await (const change of of.watch(...args)) {
          told++;
          yield change;
        }
      };
    },
  });
  await using server = serve(queue);
  const { id } = await q.queue.submit(held.definition, []);
  await q.clock.settle();
  const client = await server.connect();
  await send(client, `GET /v1/tasks/${id}/events HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
  const report = async (n: number) => {
    held.runs[0]!.ctx.progress({ n, padding: "x".repeat(15_000) });
    await q.clock.advance(250);
    await turn();
  };
  // Until the sockets are full, 60 MB at most; then nothing more is made for it.
  let n = 0;
  for (let before = -1, still = 0; still < 100; n++) {
    await report(n);
    still = told === before ? still + 1 : 0;
    before = told;
    assert(n < 4000, `${told} events were made for a reader that reads none`);
  }
  held.runs[0]!.finish("done");
  await q.clock.settle();
  const text = await new Response(client.readable).text();
  const seen = [...text.matchAll(/"n":(\d+)/g)].map(([, seen]) => Number(seen));
  assert(seen.length < n - 90, `${seen.length} of ${n} events`);
  assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
  assert.match(text, /"state":"SUCCESS"/);
});
