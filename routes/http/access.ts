/**
 * Who has sent a request, and whether they may: bearer tokens, which are API keys or the token of the setting
 * `API_TOKEN`, and the table of scopes.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { matchedRoutes } from "hono/route";
import { type Actor, type Queue, type Scope, SCOPES } from "../../queue/mod.ts";
import type { Context, MiddlewareHandler } from "../env.ts";
import { RequestError } from "./problems.ts";
import { type Need, NEEDS } from "./scopes.ts";

/** A caller whose token is good. */
interface Caller {
  readonly actor: Actor;
  readonly scopes: readonly Scope[];
}

/** The holder of `API_TOKEN`. */
const OPERATOR: Caller = { actor: { kind: "token", name: "API_TOKEN" }, scopes: SCOPES };
const ANYONE: Actor = { kind: "anyone", name: "" };

/** Lets a request pass to the route that it matches if its bearer token has the scope that the route asks for. */
export function authorize(queue: Queue, apiToken: string): MiddlewareHandler {
  const isApiToken = tokenMatcher(apiToken);
  return async function authorize(c, next) {
    const { need, id } = asked(c);
    const token = bearer(c);
    const caller = token === undefined ? null : isApiToken(token) ? OPERATOR : await callerOf(queue, token);
    c.set("scopes", caller?.scopes ?? []);
    if (need === "public") return await next();
    if (!caller) throw unauthorized(token !== undefined);
    c.set("actor", caller.actor);
    if (!await mayPass(queue, caller, need, id)) throw forbidden(caller, need);
    return await next();
  };
}

/** Whether the sender of a request has a scope; everybody has all of them where no token is set. */
export function may(c: Context, scope: Scope): boolean {
  return has(c.get("scopes") ?? SCOPES, scope);
}

/** The queue for who has sent the request: what they do through it stands under their name. */
export function asCaller(c: Context, queue: Queue): Queue {
  return queue.by({ ...c.get("actor") ?? ANYONE, requestId: c.get("requestId") });
}

/** The queue for a submission: its tasks are those of the request's key, if it has one. */
export function asSubmitter(c: Context, queue: Queue): Queue {
  return c.get("actor")?.kind === "key" ? asCaller(c, queue) : queue;
}

/** Refuses requests without this token, whoever may do what elsewhere. */
export function requireToken(token: string): MiddlewareHandler {
  const isToken = tokenMatcher(token);
  return function requireToken(c, next) {
    const given = bearer(c);
    if (given === undefined || !isToken(given)) throw unauthorized(given !== undefined);
    return next();
  };
}

/** What the route of a request asks for, and the task that its path names; nothing where no route matches. */
export function asked(c: Context): { need: Need | null; id: string | null } {
  // The first one answers; those of all methods are middleware, or answer methods that the path does not serve.
  const route = matchedRoutes(c).find(({ method }) => method !== "ALL");
  if (!route) return { need: null, id: null };
  const prefix = route.basePath.replace(/\/$/, "");
  const need = NEEDS[`${route.method} ${route.path.slice(prefix.length)}`] ?? "admin";
  if (need !== "own") return { need, id: null };
  const place = route.path.split("/").findIndex((part) => /^:(id|task_id|job_id)$/.test(part));
  return { need, id: c.req.path.split("/")[place] ?? "" };
}

async function callerOf(queue: Queue, token: string): Promise<Caller | null> {
  const key = await queue.apiKeys.verify(token);
  return key && { actor: { kind: "key", name: key.name }, scopes: key.scopes };
}

async function mayPass(
  queue: Queue,
  { actor, scopes }: Caller,
  need: Need | null,
  id: string | null,
): Promise<boolean> {
  if (need === null || need === "tick" || need === "public") return true;
  if (need !== "own") return has(scopes, need);
  if (has(scopes, "read")) return true;
  return has(scopes, "submit") && (await queue.get(id!.toLowerCase())).submittedBy === actor.name;
}

function has(scopes: readonly Scope[], scope: Scope): boolean {
  return scopes.includes(scope) || scopes.includes("admin");
}

function bearer(c: Context): string | undefined {
  return /^Bearer +(.+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
}

/** Compares with a token. The comparison takes the same time for every wrong one. */
function tokenMatcher(token: string): (given: string) => boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const expected = digest(token);
  return (given) => timingSafeEqual(digest(given), expected);
}

function unauthorized(given: boolean): RequestError {
  return new RequestError(
    "unauthorized",
    `Request must carry 'Authorization: Bearer <token>': got ${given ? "a token that is not valid" : "none"}`,
    { headers: { "www-authenticate": `Bearer realm="sluice"${given ? ', error="invalid_token"' : ""}` } },
  );
}

function forbidden({ scopes }: Caller, need: Need | null): RequestError {
  const wanted = need === "own" ? "read, or submit for a task of its own," : need;
  const scope = need === "own" ? "read" : need;
  return new RequestError("forbidden", `The key must have the scope ${wanted}: it has ${scopes.join(", ")}`, {
    headers: { "www-authenticate": `Bearer realm="sluice", error="insufficient_scope", scope="${scope}"` },
  });
}
