/**
 * The second source system's e-mail task: one message, by SMTP.
 *
 * A message may be sent twice: a worker can die after the server took the message and before that is stored. Its
 * Message-ID is therefore made from the task's id, by which mail servers and programs recognise the repeat.
 *
 * @module
 */
import { z } from "zod";
import { type AnyTaskDefinition, defineTask } from "../queue/mod.ts";
import type { DemoOptions, SmtpOptions } from "./options.ts";

const NO_SMTP: SmtpOptions = {
  host: null,
  port: 587,
  security: "starttls",
  user: null,
  password: null,
  from: null,
  timeout: 10,
  ca: null,
};

/** Seconds that one message may take: several times the longest timeout, so that the timeout says what was wrong. */
const TIME_LIMIT = 300;

const address = z.email("must be one e-mail address, like ada@example.org").max(254);

/** A subject has no line breaks, which would let it add headers of its own. */
const subject = z.string().regex(
  /^[^\p{Cc}\p{Zl}\p{Zp}]{1,500}$/u,
  "must be a text of 1 to 500 characters without line breaks",
);

/** A message that was not sent. */
class MailError extends Error {
  override readonly name = "MailError";

  constructor(message: string, readonly temporary: boolean) {
    super(message);
  }
}

/** `email.send`. */
export function emailTasks({ smtp = NO_SMTP }: Pick<DemoOptions, "smtp">): AnyTaskDefinition[] {
  const send = defineTask(
    {
      name: "email.send",
      args: z.tuple([address, subject, z.string(), z.string().nullable().optional()]),
      channel: "email_service",
      description: "Sends a message to an address: subject, text, and its HTML form if there is one.",
      maxRetries: 5,
      retry: { delay: 5, factor: 4, retryOn: (error) => error instanceof MailError && error.temporary },
      timeLimit: TIME_LIMIT,
    },
    async (context, to, subject, text, html) => {
      const missing = missingSettings(smtp);
      if (missing.length > 0) throw new MailError(`E-mail needs settings: ${missing.join(", ")}`, false);
      const from = smtp.from!;
      const messageId = `<${context.id}@${/@([^\s>]+)>?$/.exec(from)![1]}>`;
      const transport = await connect(smtp);
      try {
        const { signal } = context;
        const message = { from, to, subject, text, ...html && { html }, messageId, signal };
        const { response } = await transport.sendMail(message);
        return { message_id: messageId, response };
      } catch (error) {
        throw mailError(error as SmtpFailure);
      }
    },
  );
  return [send];
}

function missingSettings({ host, from, user, password }: SmtpOptions): string[] {
  const missing = {
    SMTP_HOST: !host,
    SMTP_FROM: !from,
    SMTP_USER: password && !user,
    SMTP_PASSWORD: user && !password,
  };
  return Object.entries(missing).filter(([, isMissing]) => isMissing).map(([name]) => name);
}

/** A connection that is opened for one message and closed after it: the channel sends one at a time. */
async function connect({ host, port, security, user, password, timeout, ca }: SmtpOptions) {
  // Most processes send no e-mail, and start without the package.
  const { createTransport } = await import("nodemailer");
  return createTransport({
    host: host!,
    port,
    secure: security === "tls",
    requireTLS: security === "starttls",
    ignoreTLS: security === "none",
    ...user && { auth: { user, pass: password! } },
    ...ca && { tls: { ca } },
    dnsTimeout: timeout * 1000,
    connectionTimeout: timeout * 1000,
    greetingTimeout: timeout * 1000,
    socketTimeout: timeout * 1000,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** An error of nodemailer. */
interface SmtpFailure extends Error {
  readonly code?: string;
  /** The server's code: 4xx will pass, 5xx will not. */
  readonly responseCode?: number;
}

/** Failures of the connection, which may work again later. */
const PASSING = new Set(["ECONNECTION", "ETIMEDOUT", "ESOCKET", "EDNS"]);

function mailError({ message, code = "", responseCode }: SmtpFailure): MailError {
  if (/certificate/i.test(message)) {
    return new MailError(
      `The mail server's certificate is not trusted: ${message}. SMTP_CA_FILE can name certificates to trust`,
      false,
    );
  }
  const temporary = responseCode === undefined ? PASSING.has(code) : responseCode < 500;
  return new MailError(message, temporary);
}
