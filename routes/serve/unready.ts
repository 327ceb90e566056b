/**
 * The app of a program that cannot serve before a person has set it up: on Deno Deploy it has to listen all the same.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Env } from "../env.ts";
import { identify } from "../http/gate.ts";
import { healthRoutes } from "./health.ts";
import { type AppLog, observed } from "./log.ts";
import { answerError, RequestError } from "../http/problems.ts";

/** Seconds until a client may ask again: a person has to set the program up first. */
const RETRY_AFTER = "60";

/**
 * Makes an app that answers every route but the health checks with a 503 problem.
 *
 * @param problems steps for the person who sets it up; everybody can read them
 */
export function createUnreadyApp(problems: readonly string[], log?: AppLog): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>();
  const { access, failure } = observed(log);
  app.onError(answerError(failure));
  app.use(identify(access));
  app.route("/", healthRoutes({ health: () => Promise.resolve({ ready: false, problems: [...problems] }) }));
  app.all("*", () => {
    throw new RequestError("not-set-up", problems.join(" "), {
      problems,
      headers: { "retry-after": RETRY_AFTER },
    });
  });
  return app;
}
