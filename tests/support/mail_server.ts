/**
 * A real SMTP server on this machine.
 *
 * @module
 */
// @ts-types="@types/smtp-server"
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

/** A message as the server got it. */
interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly secure: boolean;
  readonly user: string | null;
  /** Header fields by their names in lower case, unfolded. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** See the module's text. */
export interface MailServer extends AsyncDisposable {
  readonly port: number;
  readonly mails: ReceivedMail[];
  /** Messages that were offered. */
  readonly attempts: { count: number };
}

/** What a server answers to a message instead of taking it. */
interface Refusal {
  readonly responseCode: number;
  readonly message: string;
}

/**
 * Starts a server.
 *
 * @param options of the package; by default neither TLS nor authentication
 * @param refusals one for each message that is not taken
 */
export async function mailServer(
  options: SMTPServerOptions = {},
  refusals: Refusal[] = [],
): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  const attempts = { count: 0 };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: options.key ? [] : ["STARTTLS"],
    logger: false,
    closeTimeout: 100,
    ...options,
    onData(stream, session, done) {
      const decoder = new TextDecoder();
      let text = "";
      stream.on("data", (chunk: Uint8Array) => text += decoder.decode(chunk, { stream: true }));
      stream.on("end", () => {
        attempts.count++;
        const refusal = refusals.shift();
        if (refusal) return done(Object.assign(new Error(refusal.message), refusal));
        mails.push({
          from: session.envelope.mailFrom ? session.envelope.mailFrom.address : "",
          to: session.envelope.rcptTo.map(({ address }) => address),
          secure: session.secure,
          user: session.user ?? null,
          ...parse(text),
        });
        done();
      });
    },
  });
  // What goes wrong on a connection is the client's to tell.
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.server.address() as { port: number }).port,
    mails,
    attempts,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(resolve)),
  };
}

function parse(text: string): Pick<ReceivedMail, "headers" | "body"> {
  const [head = "", ...body] = text.split("\r\n\r\n");
  const lines = head.replace(/\r\n[ \t]+/g, " ").split("\r\n");
  const headers = new Map(lines.map((line) => {
    const at = line.indexOf(": ");
    return [line.slice(0, at).toLowerCase(), line.slice(at + 2)];
  }));
  return { headers, body: body.join("\r\n\r\n") };
}
