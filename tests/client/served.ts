/**
 * A program to ask, and the client's commands as their tasks run them.
 *
 * @module
 */
import { Child, programEnv } from "../e2e/child.ts";
import type { Body } from "../support/open_app.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** The token of the program. */
export const TOKEN = "a-token-of-16-char";

/** A Sluice with one slot, whose first task takes 20 s. */
export async function serve(path: string) {
  const more = { API_TOKEN: TOKEN, CHANNELS: "celery=1", SHUTDOWN_GRACE: "0.1" };
  const env = programEnv(`${path}/a.kv`, more);
  const child = new Child("../../main.ts", [], env);
  const url = await child.listening();
  const client = Deno.createHttpClient({});
  return {
    url,
    async post(path: string, body?: unknown): Promise<Body> {
      const response = await fetch(url + path, {
        method: "POST",
        client,
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
        ...body !== undefined && { body: JSON.stringify(body) },
      });
      return await response.json();
    },
    async [Symbol.asyncDispose]() {
      client.close();
      await child.kill();
    },
  };
}

/** Runs a file of `client/` as its task does. */
export async function run(file: string, url: string, args: readonly string[], token = TOKEN) {
  const { PATH = "", HOME = "", DENO_DIR = "" } = Deno.env.toObject();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-check", "--no-prompt", "-P=inspect", `client/${file}`, ...args],
    cwd: ROOT,
    clearEnv: true,
    env: {
      PATH,
      HOME,
      NO_COLOR: "1",
      API_TOKEN: token,
      HOST: "127.0.0.1",
      PORT: new URL(url).port,
      ...DENO_DIR && { DENO_DIR },
    },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}
