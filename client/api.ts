/**
 * Asks a running Sluice over HTTP.
 *
 * @module
 */

import { addressOf } from "./server.ts";

/** The server refused, or no server answers. */
export class ApiError extends Error {}

/** A request that is more than a read. */
interface Call {
  readonly method: "POST" | "DELETE";
  readonly body?: unknown;
}

/** Calls a path, and reads the JSON of its answer; `null` of an empty one. */
export type Api = <Answer>(path: string, call?: Call) => Promise<Answer>;

/**
 * Makes a function that calls paths of a server.
 *
 * @param token bearer token, if the server wants one
 */
export function connect(url: string, token: string | undefined): Api {
  const headers = { accept: "application/json", ...token && { authorization: `Bearer ${token}` } };
  return async function call<Answer>(
    path: string,
    { method, body: sent }: Partial<Call> = {},
  ): Promise<Answer> {
    const json = sent === undefined ? undefined : JSON.stringify(sent);
    let response: Response;
    try {
      response = await fetch(addressOf(url, path), {
        headers: { ...headers, ...json !== undefined && { "content-type": "application/json" } },
        ...method && { method },
        ...json !== undefined && { body: json },
      });
    } catch (error) {
      throw new ApiError(`No Sluice answers at ${url}: ${(error as Error).message}`);
    }
    const body = await response.json().catch(() => null);
    if (response.ok && (body !== null || response.status === 204)) return body as Answer;
    throw new ApiError(
      body?.detail ? `${body.title}: ${body.detail}` : `${url} answers ${response.status}: is it a Sluice?`,
    );
  };
}
