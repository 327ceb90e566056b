import assert from "node:assert/strict";
import { isRefused, openingHint } from "../../../queue/store/server_errors.ts";

// What a test cannot provoke everywhere: texts of Deno 2.9.6, seen behind nginx.
const at = "Could not open Deno KV database: ";
const TEXTS: [text: string, message: RegExp, hint: RegExp][] = [
  [
    `${at}the metadata endpoint at 'https://x/' responded with status 503 Service Unavailable: down`,
    /cannot serve now/,
    /log/,
  ],
  [
    `${at}the metadata endpoint at 'https://x/' responded with status 429 Too Many Requests: no`,
    /cannot serve now/,
    /log/,
  ],
  [
    `${at}the metadata endpoint at 'https://x/' responded with status 404 Not Found: hello`,
    /no KV server/,
    /address/,
  ],
  [
    `${at}the metadata endpoint at 'https://x/' responded with status 301 Moved Permanently: <html>`,
    /no KV server/,
    /address/,
  ],
  [
    `${at}'https://x/' is not a valid KV Connect endpoint (failed to read the metadata version: …)`,
    /no KV server/,
    /address/,
  ],
  [
    `${at}failed to connect to 'http://x/': client error (SendRequest): http2 error: frame with invalid size`,
    /no KV server/,
    /address/,
  ],
  [
    `${at}failed to connect to 'http://x/': client error (Connect): dns error: failed to lookup`,
    /cannot be reached/,
    /Start the server/,
  ],
  [
    `${at}the metadata endpoint at 'https://x/' responded with status 403 Forbidden: no`,
    /access token/,
    /DENO_KV_ACCESS_TOKEN/,
  ],
  ["Failed opening CA file: No such file or directory (os error 2)", /DENO_CERT/, /PEM/],
  ["Invalid database url: http://:0", /no address/, /http:\/\//],
  ["something new\nwith a second line", /^something new$/, /log/],
];

Deno.test("openingHint() says in a line what is wrong with a server, and what to do", () => {
  for (const [text, message, hint] of TEXTS) {
    const explained = openingHint(new TypeError(text));
    assert.match(explained.message, message, text);
    assert.match(explained.hint, hint, text);
    assert.doesNotMatch(explained.message + explained.hint, /\n/);
    assert.equal(isRefused(new TypeError(text)), /403/.test(text));
  }
});
