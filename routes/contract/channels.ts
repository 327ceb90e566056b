/**
 * Channels: their depths, and the changes that a person may make.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { integer, must, strict, text } from "./form.ts";

/** Largest number that a rate can have, and so its burst: 10,000 a second for a day. */
const MOST_BURST = 864_000_000;

/** A channel: how much waits there, and what this process executes of it. */
export const Channel = z.object({
  name: z.string(),
  paused: z.boolean(),
  slots: z.int(),
  rate_limit: z.string().nullable(),
  burst: z.int().nullable().openapi({
    description: "Tasks that the rate lets start at once, where that was set.",
  }),
  max_depth: z.int().nullable(),
  ready: z.int(),
  delayed: z.int(),
  blocked: z.int(),
  running: z.int(),
  oldest_age: z.number().nullable().openapi({
    description: "Seconds that the oldest ready task has waited.",
  }),
}).openapi("Channel");

/** Answer of `GET /v1/channels`. */
export const ChannelList = z.object({ channels: z.array(Channel) });

/** Body of `PATCH /v1/channels/{name}`, a merge patch. */
export const ChannelPatch = strict({
  paused: z.boolean(must("true, false or null")).nullable().optional(),
  slots: integer(1, 9999).nullable().optional().describe("Slots of each process that executes the channel."),
  rate_limit: z.string(must("a rate like '10/m', or null")).nullable().optional().describe(
    "How often its tasks start, in all processes together: 10/s, 10/m, 10/h or 10/d. No second, minute, hour or day, " +
      "wherever it begins, holds more starts than that. null takes the burst away as well.",
  ),
  burst: integer(1, MOST_BURST).nullable().optional().describe(
    "Tasks that may start at once, up to the rate's number. A span as long as the rate's unit may then hold as many " +
      "starts as the rate says and burst - 1 more.",
  ),
  max_depth: integer(1, 100_000).nullable().optional().describe(
    "Ready tasks from which on submissions are refused (429).",
  ),
}).openapi("ChannelPatch");

/** Body of `POST /v1/channels/{name}/purge`. */
export const PurgeBody = strict({
  confirm: text("the channel's name", 200).describe("The channel's name once more."),
}).openapi("PurgeRequest");

/** Answer of a purge. */
export const Purged = z.object({ purged: z.int().openapi({ description: "Tasks that were ended." }) })
  .openapi("Purged");
