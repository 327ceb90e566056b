/**
 * `/v1/api-keys`: keys for programs, with scopes. Made, listed and revoked by admins.
 *
 * @module
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Queue } from "../../queue/mod.ts";
import { ApiKeyBody, ApiKeyList, NewApiKey } from "../contract/mod.ts";
import type { Env } from "../env.ts";
import { asCaller } from "../http/access.ts";
import { limitBody } from "../http/body.ts";
import { get, json, jsonBody, PROBLEM } from "../http/openapi.ts";
import { refuseInvalid } from "../http/problems.ts";
import { wireApiKey } from "./answers.ts";
import { given } from "./given.ts";

const PATH = "/v1/api-keys";

const list = get(PATH, "API keys, without their tokens", json("All keys, by name.", ApiKeyList));

const create = createRoute({
  method: "post",
  path: PATH,
  summary: "Make an API key",
  description: "Keys are asked for where `API_TOKEN` is set.",
  middleware: [limitBody(16 * 1024)],
  request: { body: jsonBody(ApiKeyBody) },
  responses: { 201: json("The key and its token, which is not shown again.", NewApiKey), default: PROBLEM },
});

const revoke = createRoute({
  method: "delete",
  path: `${PATH}/{name}`,
  summary: "Revoke an API key",
  request: { params: z.object({ name: z.string() }) },
  responses: { 204: { description: "Every process refuses the key within 5 s." }, default: PROBLEM },
});

/** The routes of API keys. */
export function apiKeyRoutes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>({ defaultHook: refuseInvalid });
  app.openapi(list, async (c) => c.json({ api_keys: (await queue.apiKeys.list()).map(wireApiKey) }, 200));
  app.openapi(create, async (c) => {
    const { key, token } = await asCaller(c, queue).apiKeys.create(given(c.req.valid("json")));
    const response = c.json({ ...wireApiKey(key), token }, 201);
    response.headers.append("cache-control", "no-store");
    return response;
  });
  app.openapi(revoke, async (c) => {
    await asCaller(c, queue).apiKeys.revoke(c.req.valid("param").name);
    return c.body(null, 204);
  });
  return app;
}
