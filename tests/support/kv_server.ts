/**
 * A real KV server (denokv) on a free port of this machine, and nginx with TLS and HTTP/2 before it when asked: with the
 * file that ships (`deploy/nginx.conf`), in which only ports and paths are replaced.
 *
 * ```ts ignore
 * kvServerTest("…", async () => {
 *   await using server = await KvServer.start();
 *   const store = await openStore(server.url);
 *   …
 *   store.close();
 * });
 * ```
 *
 * @module
 */
import { delimiter, join } from "node:path";
import { selfSigned } from "./certificate.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** One for all servers of this process: Deno's client reads it from the environment of its own process. */
const TOKEN = `test-${crypto.randomUUID()}`;

/** What a server is started with. */
interface KvServerOptions {
  /** Where it keeps its file. @default {a folder of its own, removed when it is disposed of} */
  readonly folder?: string;
  /**
   * Whether it stands behind TLS and HTTP/2. This process does not know the certificate's authority: only children that
   * are given `env` can use it. @default {false}
   */
  readonly tls?: boolean;
}

/** The path of a program, `null` when there is none. */
function find(program: string, folders: readonly string[]): string | null {
  return folders.map((folder) => join(folder, program)).find(exists) ?? null;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

const PATH = (Deno.env.get("PATH") ?? "").split(delimiter);
const DENOKV = find("denokv", [...PATH, join(ROOT, ".cache/denokv/bin")]);
const NGINX = find("nginx", [...PATH, "/usr/sbin"]);

/**
 * Registers a test that needs the programs: ignored where they are not installed (docs/operations.md says how), failing
 * there when `REQUIRE_KV_SERVER=1`.
 */
export function kvServerTest(name: string, run: () => Promise<void>): void {
  const ignore = (!DENOKV || !NGINX) && Deno.env.get("REQUIRE_KV_SERVER") !== "1";
  Deno.test({ name, ignore, fn: run });
}

/** See the module's text. */
export class KvServer implements AsyncDisposable {
  /** What a child process needs in its environment to use it. */
  readonly env: Readonly<Record<string, string>>;
  #denokv: Service | null = null;
  #nginx: Service | null = null;

  private constructor(
    readonly folder: string,
    /** What `openStore` takes. */
    readonly url: string,
    readonly token: string,
    readonly port: number,
    readonly cleanup: AsyncDisposableStack,
    tls: boolean,
  ) {
    this.env = {
      KV_PATH: url,
      DENO_KV_ACCESS_TOKEN: token,
      ...tls && { DENO_CERT: join(folder, "kv.crt") },
    };
  }

  /** Starts one; resolves when it serves. */
  static async start({ folder, tls = false }: KvServerOptions = {}): Promise<KvServer> {
    await using cleanup = new AsyncDisposableStack();
    const own = folder ?? Deno.makeTempDirSync({ prefix: "sluice-kv-" });
    if (folder === undefined) cleanup.defer(() => Deno.remove(own, { recursive: true }));
    Deno.env.set("DENO_KV_ACCESS_TOKEN", TOKEN);
    const port = freePort();
    const front = tls ? freePort() : null;
    const url = front ? `https://localhost:${front}` : `http://127.0.0.1:${port}`;
    const server = new KvServer(own, url, TOKEN, port, cleanup.move(), tls);
    try {
      await server.start();
      if (front) server.#nginx = await startNginx(own, port, front);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts it again, on the same port and file, after `stop` or `kill`. */
  async start(): Promise<void> {
    if (!DENOKV) throw new Error("denokv is not installed: docs/operations.md says how");
    const args = ["--sqlite-path", join(this.folder, "server.sqlite3"), "serve"];
    const listen = ["--addr", `127.0.0.1:${this.port}`, "--access-token", this.token];
    this.#denokv = await Service.start(DENOKV, [...args, ...listen], "Listening on");
  }

  /** Stops it with SIGTERM; what stands before it goes on. Resolves when it is gone. */
  async stop(): Promise<void> {
    await this.#denokv?.end("SIGTERM");
  }

  /** Kills it with SIGKILL; what stands before it goes on. Resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#denokv?.end("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#nginx?.end("SIGTERM");
    await this.cleanup.disposeAsync();
  }
}

/** What a file of `conf.d` stands in. */
const NGINX_MAIN = `
events {}
http {
  access_log off;
  client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp;
  scgi_temp_path temp;
  include site.conf;
}
`;

async function startNginx(folder: string, port: number, front: number): Promise<Service> {
  if (!NGINX) throw new Error("nginx is not installed: see docs/operations.md");
  const { key, cert } = selfSigned();
  const site = Deno.readTextFileSync(join(ROOT, "deploy/nginx.conf"))
    .replaceAll("127.0.0.1:4512", `127.0.0.1:${port}`)
    .replaceAll("listen 4513", `listen 127.0.0.1:${front}`)
    .replaceAll("/etc/nginx/sluice-kv", join(folder, "kv"));
  const files = { "kv.crt": cert, "kv.key": key, "site.conf": site, "main.conf": NGINX_MAIN };
  for (const [name, text] of Object.entries(files)) Deno.writeTextFileSync(join(folder, name), text);
  const global = `daemon off; pid ${join(folder, "nginx.pid")}; error_log stderr notice;`;
  return await Service.start(NGINX, ["-p", folder, "-c", "main.conf", "-g", global], "start worker process ");
}

/** A program that says in a line when it serves. */
class Service {
  #said = "";
  #reading: Promise<unknown>;

  private constructor(readonly process: Deno.ChildProcess, ready: string, served: () => void) {
    this.#reading = Promise.all([process.stdout, process.stderr].map(async (stream) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        this.#said = (this.#said + text).slice(-10_000);
        if (this.#said.includes(ready)) served();
      }
    }));
  }

  static async start(program: string, args: readonly string[], ready: string): Promise<Service> {
    const process = new Deno.Command(program, {
      args: [...args],
      env: { RUST_LOG: "info" },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const served = Promise.withResolvers<void>();
    const service = new Service(process, ready, served.resolve);
    const ended = process.status.then(async ({ code, signal }) => {
      await service.#reading;
      return new Error(`${program} ended (${signal ?? code}): ${service.#said}`);
    });
    const failure = await Promise.race([served.promise, ended]);
    if (failure) throw failure;
    return service;
  }

  /** Ends it with a signal unless it has ended; resolves when it is gone. */
  async end(signal: Deno.Signal): Promise<void> {
    try {
      this.process.kill(signal);
    } catch {
      // It has ended already.
    }
    await this.process.status;
    await this.#reading;
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
