import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
// @ts-types="@types/smtp-server"
import type { SMTPServerOptions } from "smtp-server";
import { InvalidTaskError, systemClock, type Task } from "../../queue/mod.ts";
import { emailTasks } from "../../tasks/email.ts";
import type { SmtpOptions } from "../../tasks/options.ts";
import { selfSigned } from "../support/certificate.ts";
import { type MailServer, mailServer } from "../support/mail_server.ts";
import { openQueue } from "../support/open_queue.ts";

const MAIL = ["ada@example.org", "Größe: 5 €", "Hello Ada"] as const;

/** Options for a server of the test. */
function smtpOf(server: { port: number }, more: Partial<SmtpOptions> = {}): SmtpOptions {
  return {
    host: "127.0.0.1",
    port: server.port,
    security: "none",
    user: null,
    password: null,
    from: "Sluice <app@shop.example>",
    timeout: 10,
    ca: null,
    ...more,
  };
}

/** A queue that sends; retries come at once. */
async function openMail(smtp: SmtpOptions | undefined) {
  const [definition] = emailTasks(smtp ? { smtp } : {});
  const quick = { ...definition!, retry: { ...definition!.retry, delay: 0, maxDelay: 0 } };
  const q = await openQueue({ definitions: [quick], clock: systemClock });
  const send = async (...args: unknown[]): Promise<Task> => {
    const { tasks } = await q.queue.submitAll([{ name: "email.send", args }]);
    return await q.ended(tasks[0]!);
  };
  return Object.assign(q, { send });
}

/** Asserts that one message was sent, and returns it. */
function only(server: MailServer) {
  assert.equal(server.mails.length, 1);
  return server.mails[0]!;
}

Deno.test("a message has a sender, a subject, and a Message-ID made from the task's id", async () => {
  await using server = await mailServer();
  await using q = await openMail(smtpOf(server));
  const { id, state, result, channel } = await q.send(...MAIL);
  assert.deepEqual([state, channel], ["SUCCESS", "email_service"]);
  const message_id = `<${id}@shop.example>`;
  assert.deepEqual(result, { message_id, response: (result as { response: string }).response });
  assert.match((result as { response: string }).response, /^250 /);
  const { from, to, headers, body, secure } = only(server);
  assert.deepEqual([from, to, secure], ["app@shop.example", ["ada@example.org"], false]);
  assert.equal(headers.get("from"), "Sluice <app@shop.example>");
  assert.equal(headers.get("to"), "ada@example.org");
  assert.match(headers.get("subject")!, /^=\?UTF-8\?/);
  assert.equal(headers.get("message-id"), message_id);
  assert.equal(body.trim(), "Hello Ada");
});

Deno.test("a message may have an HTML form beside its text", async () => {
  await using server = await mailServer();
  await using q = await openMail(smtpOf(server));
  assert.equal((await q.send("ada@example.org", "Hi", "Hello", "<b>Hello</b>")).state, "SUCCESS");
  const { headers, body } = only(server);
  assert.equal(headers.get("subject"), "Hi");
  assert.match(headers.get("content-type")!, /^multipart\/alternative/);
  assert.match(body, /text\/plain[^]*Hello[^]*text\/html[^]*<b>Hello<\/b>/);
  assert.equal((await q.send("ada@example.org", "Hi", "Hello", null)).state, "SUCCESS");
});

for (const security of ["starttls", "tls"] as const) {
  Deno.test(`by ${security} a message and the password travel encrypted, to a server whose certificate is trusted`, async () => {
    const { key, cert } = selfSigned();
    const options: SMTPServerOptions = {
      key,
      cert,
      secure: security === "tls",
      authOptional: false,
      onAuth: ({ username, password }, { secure }, done) =>
        secure && username === "app" && password === "right"
          ? done(null, { user: username })
          : done(new Error("Invalid login")),
    };
    await using server = await mailServer(options);
    {
      await using q = await openMail(smtpOf(server, { security, user: "app", password: "right", ca: cert }));
      assert.equal((await q.send(...MAIL)).error, null);
      const { secure, user } = only(server);
      assert.deepEqual([secure, user], [true, "app"]);
    }
    {
      await using q = await openMail(
        smtpOf(server, { security, user: "app", password: "wrong-pass", ca: cert }),
      );
      const { state, error, retries } = await q.send(...MAIL);
      assert.deepEqual([state, error?.type, retries], ["FAILURE", "MailError", 0]);
      assert.match(error!.message, /535/);
      assert(!JSON.stringify([error, q.events.all]).includes("wrong-pass"), "a secret leaked");
    }
    {
      await using q = await openMail(smtpOf(server, { security, user: "app", password: "right" }));
      const { state, error, retries } = await q.send(...MAIL);
      assert.deepEqual([state, retries], ["FAILURE", 0]);
      assert.match(error!.message, /^The mail server's certificate is not trusted: .*SMTP_CA_FILE/);
    }
    assert.equal(server.mails.length, 1);
  });
}

Deno.test("a server that offers no STARTTLS gets no message where it is asked for", async () => {
  await using server = await mailServer();
  await using q = await openMail(smtpOf(server, { security: "starttls" }));
  const { state, retries } = await q.send(...MAIL);
  assert.deepEqual([state, retries, server.mails.length], ["FAILURE", 0, 0]);
});

Deno.test("a temporary refusal is retried, under the same Message-ID", async () => {
  const busy = { responseCode: 451, message: "Try again later" };
  await using server = await mailServer({}, [busy, busy]);
  await using q = await openMail(smtpOf(server));
  const { id, state, retries } = await q.send(...MAIL);
  assert.deepEqual([state, retries, server.attempts.count], ["SUCCESS", 2, 3]);
  assert.equal(only(server).headers.get("message-id"), `<${id}@shop.example>`);
  assert.match(q.events.of("retried")[0]!.error, /^MailError: .*451/);
});

Deno.test("a permanent refusal is not retried", async () => {
  await using server = await mailServer({}, [{ responseCode: 554, message: "Not wanted here" }]);
  await using q = await openMail(smtpOf(server));
  const { state, error, retries } = await q.send(...MAIL);
  assert.deepEqual([state, error?.type, retries, server.attempts.count], ["FAILURE", "MailError", 0, 1]);
  assert.match(error!.message, /554 Not wanted here/);
});

Deno.test("a server that is not there is tried again, as often as the definition says", async () => {
  const server = await mailServer();
  await server[Symbol.asyncDispose]();
  await using q = await openMail(smtpOf(server));
  const { state, error, retries } = await q.send(...MAIL);
  assert.deepEqual([state, error?.type, retries], ["FAILURE", "MailError", 5]);
  assert.match(error!.message, /refused/i);
});

/** A server that takes connections and says nothing. */
async function silentServer() {
  const { promise: connected, resolve } = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}).on("close", () => closed.resolve()));
    socket.resume();
    resolve();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: (server.address() as AddressInfo).port,
    connected,
    closed: closed.promise,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

Deno.test("a server that never greets is given up and tried again", async () => {
  await using server = await silentServer();
  await using q = await openMail(smtpOf(server, { timeout: 0.05 }));
  const { state, error, retries } = await q.send(...MAIL);
  assert.deepEqual([state, error?.type, retries], ["FAILURE", "MailError", 5]);
  // Two clocks of the mail library run out at the same moment, that of the greeting and that of the socket.
  assert.match(error!.message, /greeting|timeout/i);
});

Deno.test("a message on its way to a silent server can be revoked, which closes the connection", async () => {
  await using server = await silentServer();
  await using q = await openMail(smtpOf(server, { timeout: 3600 }));
  const { tasks: [task] } = await q.queue.submitAll([{ name: "email.send", args: [...MAIL] }]);
  await server.connected;
  assert.equal((await q.queue.revoke(task!.id)).state, "REVOKED");
  await server.closed;
});

Deno.test("without settings the task fails at once and says which are missing", async () => {
  const cases: [SmtpOptions | undefined, string][] = [
    [undefined, "SMTP_HOST, SMTP_FROM"],
    [smtpOf({ port: 1 }, { from: null }), "SMTP_FROM"],
    [smtpOf({ port: 1 }, { user: "app" }), "SMTP_PASSWORD"],
    [smtpOf({ port: 1 }, { password: "secret" }), "SMTP_USER"],
  ];
  for (const [smtp, missing] of cases) {
    await using q = await openMail(smtp);
    const { state, error, retries } = await q.send(...MAIL);
    assert.deepEqual([state, error?.message, retries], ["FAILURE", `E-mail needs settings: ${missing}`, 0]);
  }
});

Deno.test("a malformed address, and a subject with line breaks, are refused at submit", async () => {
  await using server = await mailServer();
  await using q = await openMail(smtpOf(server));
  const cases: [unknown[], string][] = [
    [["ada@example.org\r\nBcc: eve@example.org", "Hi", "Hello"], "/args/0"],
    [["ada@example.org\n", "Hi", "Hello"], "/args/0"],
    [["\rada@example.org", "Hi", "Hello"], "/args/0"],
    [["ada", "Hi", "Hello"], "/args/0"],
    [["ada@example.org, eve@example.org", "Hi", "Hello"], "/args/0"],
    [["Ada <ada@example.org>", "Hi", "Hello"], "/args/0"],
    [[`${"a".repeat(300)}@example.org`, "Hi", "Hello"], "/args/0"],
    [[["ada@example.org"], "Hi", "Hello"], "/args/0"],
    [["ada@example.org", "Hi\r\nBcc: eve@example.org", "Hello"], "/args/1"],
    [["ada@example.org", "Hi\nthere", "Hello"], "/args/1"],
    [["ada@example.org", "Hi\u2028there", "Hello"], "/args/1"],
    [["ada@example.org", "", "Hello"], "/args/1"],
    [["ada@example.org", null, "Hello"], "/args/1"],
    [["ada@example.org", "Hi"], "/args"],
    [["ada@example.org", "Hi", "Hello", 5], "/args/3"],
  ];
  for (const [args, pointer] of cases) {
    await assert.rejects(q.send(...args), (error) => {
      assert(error instanceof InvalidTaskError, String(error));
      assert.deepEqual([...new Set(error.faults.map((fault) => fault.pointer))], [pointer]);
      return true;
    });
  }
  assert.deepEqual((await q.queue.list()).tasks, []);
  assert.equal(server.mails.length, 0);
});
