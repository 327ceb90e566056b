/**
 * Which Sluice a command talks to.
 *
 * @module
 */

/** Its address, and the token if it wants one. */
export interface Server {
  readonly url: string;
  readonly token: string | undefined;
}

/**
 * The server that the settings name, as its own `.env` has them: `http://HOST:PORT` and `API_TOKEN`.
 *
 * @param url from the command line; wins
 * @throws {TypeError} when that is no address
 */
export function serverOf(url: string | undefined): Server {
  const found = url ?? `http://${setting("HOST") ?? "127.0.0.1"}:${setting("PORT") ?? "8000"}`;
  if (!URL.canParse(found)) {
    throw new TypeError(`The address must be a URL like http://127.0.0.1:8000: got '${found}'`);
  }
  return { url: found, token: setting("API_TOKEN") };
}

/** An empty setting is none. */
function setting(name: "HOST" | "PORT" | "API_TOKEN"): string | undefined {
  return Deno.env.get(name) || undefined;
}
