/**
 * API keys. A token is `sluice_<name>_<secret>`, with 256 random bits; the row holds the SHA-256 of the secret, which
 * needs no slow hash, as nobody can guess one. The name finds the row with one read.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Base } from "../engine.ts";
import { type ApiKey, type ApiKeyRequest, type ApiKeys, SCOPES } from "../ground/access.ts";
import { ApiKeyExistsError, ApiKeyNotFoundError, type Fault, InvalidApiKeyError } from "../ground/errors.ts";
import type { Json } from "../ground/task.ts";
import { audit } from "../rows/audit.ts";
import { decode } from "../rows/codec.ts";
import { idOf } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { ApiKeyRow } from "../rows/record.ts";
import { del, put } from "../rows/unit.ts";
import type { Entry } from "../store/port.ts";

/** The form of a name. It has no `_`, which ends it in a token. */
const NAME = /^[A-Za-z0-9.-]{1,50}$/;
/** The form of a token: 32 bytes are 43 characters of Base64. */
const TOKEN = /^sluice_([A-Za-z0-9.-]{1,50})_([\w-]{43})$/;
/** Ten years, in seconds. */
const LONGEST = 315_360_000;
/** Milliseconds that a row which was read is taken for what is stored: a revoked key is refused within 5 s. */
const FRESH = 4000;
/** Rows that are kept in memory. */
const MOST_KNOWN = 1000;
/** Milliseconds between two notes of a key's use. */
const NOTED = 60_000;

/** A row as it was read. */
interface Known {
  readonly entry: Promise<Entry | null>;
  /** Monotonic time from which on it is read anew. */
  readonly until: number;
}

/** See {@link ApiKeys}. */
export class EngineApiKeys implements ApiKeys {
  /** By name, the one read last is last. */
  #known = new Map<string, Known>();

  /** @param ready resolves when this process may commit */
  constructor(readonly engine: Base, readonly ready: () => Promise<void> | undefined) {}

  async create(request: ApiKeyRequest): Promise<{ key: ApiKey; token: string }> {
    const faults = faultsOf(request);
    if (faults.length > 0) throw new InvalidApiKeyError(faults);
    const { engine } = this;
    const { name, scopes, expires } = request;
    await this.ready();
    const secret = crypto.getRandomValues(new Uint8Array(32)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
    const token = `sluice_${name}_${secret}`;
    const now = engine.clock.now();
    const row: ApiKeyRow = {
      prefix: token.slice(0, -39),
      hash: hashOf(secret).toBase64(),
      scopes: SCOPES.filter((scope) => scopes.includes(scope)),
      createdAt: now,
      ...(expires !== undefined && { expiresAt: now + Math.round(expires * 1000) }),
    };
    const key = engine.keys.apiKey(name);
    const view = viewOf(name, row);
    const deed = audit(engine, { action: "api_key.create", target: name, after: told(row) });
    const unit = { checks: [{ key, versionstamp: null }], mutations: [put(key, row), deed] };
    if (await engine.committer.commit(unit) === null) throw new ApiKeyExistsError(name);
    return { key: view, token };
  }

  async list(): Promise<ApiKey[]> {
    const { store, keys } = this.engine;
    const entries = (await Array.fromAsync(pagesOf(store, keys.apiKeys()))).flat();
    return entries.map((entry) => viewOf(idOf(entry.key), decode<ApiKeyRow>(entry.value)));
  }

  async revoke(name: string): Promise<void> {
    const { engine } = this;
    await this.ready();
    for (;;) {
      const [entry] = NAME.test(name) ? await engine.store.getMany([engine.keys.apiKey(name)]) : [];
      if (!entry) throw new ApiKeyNotFoundError(name);
      const before = told(decode<ApiKeyRow>(entry.value));
      const deed = audit(engine, { action: "api_key.revoke", target: name, before });
      if (await engine.committer.commit({ checks: [entry], mutations: [del(entry.key), deed] }) !== null) {
        return;
      }
      // A use of the key was noted meanwhile: read again.
    }
  }

  async verify(token: string): Promise<ApiKey | null> {
    const [, name, secret] = TOKEN.exec(token) ?? [];
    if (name === undefined || secret === undefined) return null;
    const entry = await this.#read(name);
    if (!entry) return null;
    const row = decode<ApiKeyRow>(entry.value);
    const now = this.engine.clock.now();
    if (!timingSafeEqual(hashOf(secret), Uint8Array.fromBase64(row.hash))) return null;
    if (row.expiresAt !== undefined && row.expiresAt <= now) return null;
    if (now - (row.lastUsedAt ?? 0) >= NOTED) void this.#note(name, entry, { ...row, lastUsedAt: now });
    return viewOf(name, row);
  }

  /** Reads a key's row, or takes the one that was read a moment ago. Requests that come at once share a read. */
  #read(name: string): Promise<Entry | null> {
    const now = this.engine.clock.monotonic();
    const known = this.#known.get(name);
    if (known && known.until > now) return known.entry;
    const entry = this.engine.store.getMany([this.engine.keys.apiKey(name)]).then(([found]) => found ?? null);
    this.#keep(name, entry);
    // A read that failed is no answer for those who come later.
    entry.catch(() => this.#known.delete(name));
    return entry;
  }

  #keep(name: string, entry: Promise<Entry | null>): void {
    this.#known.delete(name);
    this.#known.set(name, { entry, until: this.engine.clock.monotonic() + FRESH });
    if (this.#known.size > MOST_KNOWN) this.#known.delete(this.#known.keys().next().value!);
  }

  /** Notes the use of a key. It does not matter if this fails: the next use is noted. */
  async #note(name: string, entry: Entry, row: ApiKeyRow): Promise<void> {
    try {
      const mutation = put(entry.key, row);
      const value = mutation.type === "set" ? mutation.value : entry.value;
      this.#keep(name, Promise.resolve({ ...entry, value }));
      await this.ready();
      await this.engine.committer.commit({ checks: [entry], mutations: [mutation] });
    } catch {
      // The store does not answer, or this process stops.
    } finally {
      this.#known.delete(name);
    }
  }
}

function viewOf(name: string, { prefix, scopes, createdAt, expiresAt, lastUsedAt }: ApiKeyRow): ApiKey {
  return { name, prefix, scopes, createdAt, expiresAt: expiresAt ?? null, lastUsedAt: lastUsedAt ?? null };
}

/** What the audit tells of a key. */
function told({ prefix, scopes, expiresAt }: ApiKeyRow): Json {
  return { prefix, scopes: [...scopes], expiresAt: expiresAt ?? null };
}

function hashOf(secret: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(secret).digest());
}

function faultsOf({ name, scopes, expires }: ApiKeyRequest): Fault[] {
  const faults: Fault[] = [];
  if (typeof name !== "string" || !NAME.test(name)) {
    faults.push({ pointer: "/name", detail: "must be 1 to 50 letters, digits, dots or hyphens" });
  }
  const known: readonly unknown[] = SCOPES;
  if (!Array.isArray(scopes) || scopes.length === 0 || !scopes.every((scope) => known.includes(scope))) {
    faults.push({ pointer: "/scopes", detail: `must be some of ${SCOPES.join(", ")}` });
  }
  if (expires !== undefined && !(expires > 0 && expires <= LONGEST)) {
    faults.push({ pointer: "/expires", detail: `must be seconds above 0, up to ${LONGEST}: got ${expires}` });
  }
  return faults;
}
