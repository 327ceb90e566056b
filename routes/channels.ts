/**
 * `/v1/channels`: how much waits where.
 *
 * @module
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Queue } from "../queue/mod.ts";
import { Channel } from "./contract.ts";
import type { Env } from "./env.ts";
import { json, PROBLEM } from "./openapi.ts";
import { wireChannel } from "./wire.ts";

const list = createRoute({
  method: "get",
  path: "/v1/channels",
  summary: "Channels with their depths; counted up to 10,000",
  responses: { 200: json("All of them.", z.object({ channels: z.array(Channel) })), default: PROBLEM },
});

/** The routes of channels. */
export function channelRoutes(queue: Queue) {
  return new OpenAPIHono<Env>()
    .openapi(list, async (c) => c.json({ channels: (await queue.channels()).map(wireChannel) }, 200));
}
