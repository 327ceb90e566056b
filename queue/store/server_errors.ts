/**
 * The meaning of the errors of Deno's client of a KV server. Like the errors of a local database they are told apart by
 * their text, seen on Deno 2.9.6; `tests/kv_server/` provokes them.
 *
 * @module
 */

/** A fault in a few words, and what to do about it. */
interface Explained {
  readonly message: string;
  readonly hint: string;
}

const TOKEN: Explained = {
  message: "it does not accept the access token",
  hint: "Set DENO_KV_ACCESS_TOKEN to the token that the server was started with (--access-token)",
};

const NOT_A_SERVER: Explained = {
  message: "what answers there is no KV server",
  hint: "Look at the address: it must be a KV server's (denokv), or of a proxy before one that speaks HTTP/2",
};

const OPENING: readonly (readonly [text: RegExp, explained: Explained])[] = [
  [/Missing DENO_KV_ACCESS_TOKEN/, {
    message: "DENO_KV_ACCESS_TOKEN is not set",
    hint: "Set it to the token that the server was started with (--access-token)",
  }],
  [/status (401|403) /, TOKEN],
  [/NoApplicationProtocol/, {
    message: "the proxy before it does not offer HTTP/2",
    hint: "Turn HTTP/2 on in it: deploy/nginx.conf shows how",
  }],
  [/Failed opening CA file/, {
    message: "the file that DENO_CERT names cannot be opened",
    hint: "Name the file with the certificate of your authority (PEM), or unset DENO_CERT",
  }],
  [/UnknownIssuer|CaUsedAsEndEntity|self.signed/i, {
    message: "its certificate is not of an authority that this machine knows",
    hint: "Name a file with the certificate of your authority (PEM) in DENO_CERT",
  }],
  [/invalid peer certificate/, {
    message: "its certificate is not valid for this address, or not now",
    hint: "Look at the names and the dates in the certificate, and at this machine's clock",
  }],
  [/InvalidContentType/, {
    message: "it does not speak TLS there",
    hint: "Write http:// for a server without TLS, or put a proxy with TLS and HTTP/2 before it",
  }],
  [/http2 error|valid KV Connect endpoint|status (3\d\d|404|405) |Failed to decode/i, NOT_A_SERVER],
  [/status (429|5\d\d) /, {
    message: "it answers that it cannot serve now",
    hint: "Look at its log, and at that of the proxy before it, then start again",
  }],
  [/failed to connect|timed out|error sending request/i, {
    message: "it cannot be reached",
    hint: "Start the server, or look at the address and at what lies between (proxy, firewall)",
  }],
  [/Invalid database url/, {
    message: "this is no address",
    hint: "Write http:// or https://, a host and a port, such as 'https://kv.example:4512'",
  }],
];

/** Whether an error says that the server will never serve a client with this token. */
export function isRefused(error: unknown): boolean {
  return error instanceof Error && OPENING.some(([known, why]) => why === TOKEN && known.test(error.message));
}

/** Explains why a server cannot be opened. */
export function openingHint(error: unknown): Explained {
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof Deno.errors.NotCapable) {
    return { message: text, hint: "Run Deno with --allow-net, and --allow-env=DENO_KV_ACCESS_TOKEN" };
  }
  const explained = OPENING.find(([known]) => known.test(text))?.[1];
  return explained ?? { message: text.split("\n")[0]!, hint: "Look at the server's log" };
}
