/**
 * API keys and what they allow: the words.
 *
 * @module
 */

/**
 * What a caller may do. `read`: see everything that is not stored keys; `submit`: submit, and read what it has
 * submitted; `work`: execute tasks from outside; `operate`: revoke, redrive, pause, edit schedules; `admin`: all, and
 * alone purge and make keys.
 */
export const SCOPES = ["read", "submit", "work", "operate", "admin"] as const;

/** One of {@link SCOPES}. */
export type Scope = typeof SCOPES[number];

/** An API key as people see it. Times in milliseconds since 1970. */
export interface ApiKey {
  /** Unique, and the name under which its acts stand in the audit. */
  readonly name: string;
  /** The beginning of its token. */
  readonly prefix: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  /** `null`: never. */
  readonly expiresAt: number | null;
  /** Written at most once a minute. */
  readonly lastUsedAt: number | null;
}

/** A new API key. */
export interface ApiKeyRequest {
  /** 1 to 50 letters, digits, dots and hyphens. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Seconds that it is valid. @default {for good} */
  readonly expires?: number;
}

/** `queue.apiKeys`. */
export interface ApiKeys {
  /**
   * Makes a key.
   *
   * @returns the key, and its token, which is not stored and not shown again
   * @throws {InvalidApiKeyError} / {ApiKeyExistsError}
   */
  create(request: ApiKeyRequest): Promise<{ key: ApiKey; token: string }>;
  /** All keys, by name, those that have expired too. */
  list(): Promise<ApiKey[]>;
  /** Deletes a key; every process refuses its token within 5 s. @throws {ApiKeyNotFoundError} */
  revoke(name: string): Promise<void>;
  /** The key of a token; `null` when there is none, or none any more. */
  verify(token: string): Promise<ApiKey | null>;
}
