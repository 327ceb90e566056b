/**
 * HTTP/1.1 over one TCP connection that stays open, with as little in between as can be: what measures must cost less
 * than what is measured. Reads what Sluice sends (a status, headers, a body with its length), nothing more.
 *
 * @module
 */

/** An answer. */
interface Answer {
  readonly status: number;
  /** Status line and headers. */
  readonly head: string;
  readonly body: string;
}

/** What goes with a request. */
interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

const encoder = new TextEncoder();
/** One character a byte, so that lengths agree. */
const bytesAsText = new TextDecoder("latin1");
const decoder = new TextDecoder();

/** A request's bytes; may be sent many times. */
export function requestBytes(
  method: string,
  path: string,
  { headers = {}, body }: RequestOptions = {},
): Uint8Array<ArrayBuffer> {
  const content = body === undefined ? "" : JSON.stringify(body);
  const all = {
    host: "127.0.0.1",
    ...headers,
    ...(body !== undefined && { "content-type": "application/json" }),
    ...(method !== "GET" && { "content-length": String(encoder.encode(content).length) }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return encoder.encode(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${content}`);
}

/** A connection that carries one request at a time. */
export class Connection {
  readonly #tcp: Deno.TcpConn;
  #buffer = new Uint8Array(16 * 1024);

  private constructor(tcp: Deno.TcpConn) {
    this.#tcp = tcp;
  }

  /** Connects to a server on this machine. */
  static async open(port: number): Promise<Connection> {
    const tcp = await Deno.connect({ hostname: "127.0.0.1", port });
    tcp.setNoDelay(true);
    return new Connection(tcp);
  }

  /** Sends a request and reads its answer. */
  async request(method: string, path: string, options?: RequestOptions): Promise<Answer> {
    return await this.exchange(requestBytes(method, path, options));
  }

  /** Sends a request and returns its answer's body, parsed. @throws when the status is not 2xx */
  // deno-lint-ignore no-explicit-any -- the caller knows what it asked for
  async json(method: string, path: string, options?: RequestOptions): Promise<any> {
    const { status, body } = await this.request(method, path, options);
    if (status < 200 || status > 299) throw new Error(`${method} ${path} answered ${status}: ${body}`);
    return JSON.parse(body);
  }

  /** Sends a request's bytes and reads its answer. */
  async exchange(request: Uint8Array<ArrayBuffer>): Promise<Answer> {
    for (let sent = 0; sent < request.length;) sent += await this.#tcp.write(request.subarray(sent));
    let filled = 0;
    let head = "";
    for (let whole = Infinity; filled < whole;) {
      if (filled === this.#buffer.length) this.#grow();
      const read = await this.#tcp.read(this.#buffer.subarray(filled));
      if (read === null) throw new Deno.errors.UnexpectedEof("The server closed the connection");
      filled += read;
      if (head !== "") continue;
      const text = bytesAsText.decode(this.#buffer.subarray(0, filled));
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) continue;
      head = text.slice(0, end);
      whole = end + 4 + contentLength(head);
    }
    const body = decoder.decode(this.#buffer.subarray(head.length + 4, filled));
    return { status: Number(head.slice(9, 12)), head, body };
  }

  close(): void {
    this.#tcp.close();
  }

  #grow(): void {
    const larger = new Uint8Array(this.#buffer.length * 2);
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}

function contentLength(head: string): number {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new TypeError(`Cannot read an answer without its length: ${head}`);
  return Number(length);
}
