/**
 * Requests that a stranger's page makes in somebody's browser. Where a token is asked for, such a page has none, and
 * nothing is refused here. Where everybody may do everything (no token is set), the browser's own address is what lets
 * the request in: so nothing is submitted or changed for another site, and the Host must be a known name, lest a
 * stranger's name that leads here (DNS rebinding) be taken for this site.
 *
 * @module
 */
import { cors } from "hono/cors";
import type { Context, MiddlewareHandler } from "../env.ts";
import { asked } from "./access.ts";
import { RequestError } from "./problems.ts";

/** Methods that ask for nothing to be done. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses what a page of another site asks for, and names that are not this server's.
 *
 * @param hosts names, without ports, by which this server is called, beside its addresses; `null`: any name
 */
export function refuseStrangers(hosts: readonly string[] | null): MiddlewareHandler {
  const known = hosts && new Set(hosts.map((host) => host.toLowerCase()));
  return function refuseStrangers(c, next) {
    const { need } = asked(c);
    // Health checks come from load balancers, by addresses and names of their own.
    if (need === "public") return next();
    const host = c.req.header("host");
    if (known && host !== undefined && !isKnown(host, known)) throw unknownHost(host);
    // Some routes of the source systems submit by GET.
    if (SAFE.has(c.req.method) && need !== "submit") return next();
    if (isForeign(c, host)) throw foreign();
    return next();
  };
}

/** Lets pages of these origins call `/v1` with a bearer token. Cookies are never asked for, nor sent. */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  return cors({
    origin: [...origins],
    allowMethods: ["GET", "POST", "PATCH", "DELETE"],
    allowHeaders: [
      "authorization",
      "content-type",
      "idempotency-key",
      "if-match",
      "if-none-match",
      "last-event-id",
      "prefer",
    ],
    exposeHeaders: [
      "etag",
      "idempotent-replayed",
      "link",
      "location",
      "preference-applied",
      "retry-after",
      "x-request-id",
    ],
    maxAge: 600,
  });
}

/** Whether a page of another site has made the browser send the request. Programs that are no browsers send neither header. */
function isForeign(c: Context, host: string | undefined): boolean {
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  // Browsers leave Sec-Fetch-Site out over plain HTTP, but for loopback addresses.
  const origin = c.req.header("origin");
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== (host ?? new URL(c.req.url).host);
}

/** Whether a Host is an address, a loopback name or a known name. No stranger can lead an address here by a name. */
function isKnown(host: string, known: ReadonlySet<string>): boolean {
  const name = host.replace(/:\d*$/, "").toLowerCase();
  return /^\[.*\]$|^[\d.]+$|^(.*\.)?localhost$/.test(name) || known.has(name);
}

function foreign(): RequestError {
  return new RequestError(
    "foreign-origin",
    "Request comes from a page of another site, which may not change anything here while no API_TOKEN is set",
  );
}

function unknownHost(host: string): RequestError {
  const name = JSON.stringify(host.slice(0, 80));
  return new RequestError(
    "unknown-host",
    `Host must be an address, localhost or a name of ALLOWED_HOSTS while no API_TOKEN is set: got ${name}`,
  );
}
