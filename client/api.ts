/**
 * Asks a running Sluice over HTTP.
 *
 * @module
 */

import { addressOf } from "./server.ts";

/** The server refused, or no server answers. */
export class ApiError extends Error {}

/** Reads a path's JSON. */
export type Api = <Answer>(path: string) => Promise<Answer>;

/**
 * Makes a function that reads paths of a server.
 *
 * @param token bearer token, if the server wants one
 */
export function connect(url: string, token: string | undefined): Api {
  const headers = { accept: "application/json", ...token && { authorization: `Bearer ${token}` } };
  return async function read<Answer>(path: string): Promise<Answer> {
    let response: Response;
    try {
      response = await fetch(addressOf(url, path), { headers });
    } catch (error) {
      throw new ApiError(`No Sluice answers at ${url}: ${(error as Error).message}`);
    }
    const body = await response.json().catch(() => null);
    if (response.ok && body !== null) return body as Answer;
    throw new ApiError(
      body?.detail ? `${body.title}: ${body.detail}` : `${url} answers ${response.status}: is it a Sluice?`,
    );
  };
}
