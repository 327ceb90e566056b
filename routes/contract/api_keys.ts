/**
 * API keys.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { moment, must, seconds, strict } from "./form.ts";

const SCOPES = ["read", "submit", "work", "operate", "admin"] as const;

const scope = z.enum(SCOPES, must(`one of ${SCOPES.join(", ")}`));

/** Body of `POST /v1/api-keys`. */
export const ApiKeyBody = strict({
  name: z.string(must("a name")).regex(
    /^[A-Za-z0-9.-]{1,50}$/,
    must("1 to 50 letters, digits, dots or hyphens"),
  ).describe("Unique; what the key does stands under it in the audit."),
  scopes: z.array(scope, must("an array of scopes")).min(1, "must hold at least one scope: got none")
    .max(SCOPES.length, must("at most five scopes")).describe(
      "read: see; submit: submit, and see what it has submitted; work: execute tasks; operate: revoke, " +
        "redrive, pause, edit schedules; admin: all, and alone purge and make keys.",
    ),
  expires: seconds(true).optional().describe("Seconds that the key is valid; for good without it."),
}).openapi("ApiKeyRequest");

/** A key, without its token. */
export const ApiKey = z.object({
  name: z.string(),
  prefix: z.string().openapi({ description: "The beginning of its token." }),
  scopes: z.array(z.enum(SCOPES)),
  created_at: moment,
  expires_at: moment.nullable(),
  last_used_at: moment.nullable().openapi({ description: "Written at most once a minute." }),
}).openapi("ApiKey");

/** A new key. */
export const NewApiKey = ApiKey.extend({
  token: z.string().openapi({ description: "The bearer token: it is not stored, and not shown again." }),
}).openapi("NewApiKey");

/** All keys. */
export const ApiKeyList = z.object({ api_keys: z.array(ApiKey) }).openapi("ApiKeyList");
