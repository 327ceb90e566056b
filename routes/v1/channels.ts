/**
 * `/v1/channels`: how many tasks wait in which channel; pause, slots, rate and depth cap at run time; purge.
 *
 * @module
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Queue } from "../../queue/mod.ts";
import { asCaller } from "../http/access.ts";
import { limitBody } from "../http/body.ts";
import { Channel, ChannelList, ChannelPatch, PurgeBody, Purged } from "../contract/mod.ts";
import type { Env } from "../env.ts";
import { get, json, jsonBody, patchBody, PROBLEM } from "../http/openapi.ts";
import { invalidRequest, refuseInvalid } from "../http/problems.ts";
import { wireChannel } from "./answers.ts";
import { channelChange } from "./requests.ts";

/** Bytes of a request. */
const BYTES = 16 * 1024;

const params = z.object({ name: z.string() });

const list = get(
  "/v1/channels",
  "Channels with their depths; counted up to 10,000",
  json("All channels.", ChannelList),
);

const change = createRoute({
  method: "patch",
  path: "/v1/channels/{name}",
  summary: "Pause or resume a channel; set its slots, rate and depth cap",
  description:
    "A merge patch (RFC 7396): what is left out stays, null is the default. It holds for all processes, " +
    "from the answer on: after a pause nothing more of the channel starts.",
  middleware: [limitBody(BYTES, { required: true })],
  request: {
    params,
    body: patchBody(ChannelPatch),
  },
  responses: { 200: json("The channel.", Channel), default: PROBLEM },
});

const purge = createRoute({
  method: "post",
  path: "/v1/channels/{name}/purge",
  summary: "End as REVOKED all tasks that wait in a channel",
  description: "The channel is paused meanwhile. Tasks that run go on.",
  middleware: [limitBody(BYTES)],
  request: { params, body: jsonBody(PurgeBody) },
  responses: { 200: json("How many tasks were ended.", Purged), default: PROBLEM },
});

/** The routes of channels. */
export function channelRoutes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>({ defaultHook: refuseInvalid });
  app.openapi(list, async (c) => c.json({ channels: (await queue.channels()).map(wireChannel) }, 200));
  app.openapi(change, async (c) => {
    const { name } = c.req.valid("param");
    return c.json(
      wireChannel(await asCaller(c, queue).changeChannel(name, channelChange(c.req.valid("json")))),
      200,
    );
  });
  app.openapi(purge, async (c) => {
    const { name } = c.req.valid("param");
    const { confirm } = c.req.valid("json");
    if (confirm !== name) {
      const detail = `must be the channel's name, '${name}': got '${confirm}'`;
      throw invalidRequest([{ in: "body", pointer: "/confirm", detail }]);
    }
    return c.json({ purged: await asCaller(c, queue).purge(name) }, 200);
  });
  return app;
}
