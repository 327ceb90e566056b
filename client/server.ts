/**
 * The server that a command talks to.
 *
 * @module
 */

/** A server: its address, and the token if the server wants one. */
export interface Server {
  readonly url: string;
  readonly token: string | undefined;
}

/**
 * The server that the settings name, as its own `.env` has them: `http://HOST:PORT` and `API_TOKEN`.
 *
 * @param url the address on the command line, which wins over the settings
 * @throws {TypeError} when the address is no URL
 */
export function serverOf(url: string | undefined): Server {
  const found = url ?? `http://${setting("HOST") ?? "127.0.0.1"}:${setting("PORT") ?? "8000"}`;
  if (!URL.canParse(found)) {
    throw new TypeError(`The address must be a URL like http://127.0.0.1:8000: got '${found}'`);
  }
  return { url: found, token: setting("API_TOKEN") };
}

/** The address of a path on a server, which may be mounted under a path of its own. */
export function addressOf(url: string, path: string): URL {
  const base = new URL(url);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return new URL(`.${path}`, base);
}

/** A setting; an empty one counts as not set. */
function setting(name: "HOST" | "PORT" | "API_TOKEN"): string | undefined {
  return Deno.env.get(name) || undefined;
}
