/**
 * Options and schemas that the demonstration tasks share.
 *
 * @module
 */
import { z } from "zod";
import type { Random } from "../queue/mod.ts";

/** How to reach the mail server. A field that is `null` is not set. */
export interface SmtpOptions {
  readonly host: string | null;
  readonly port: number;
  /** `tls`: encrypted from the first byte; `starttls`: before anything else is said; `none`: for a server on this machine. */
  readonly security: "tls" | "starttls" | "none";
  readonly user: string | null;
  readonly password: string | null;
  /** Sender: `app@example.org`, or `Name <app@example.org>`. */
  readonly from: string | null;
  /** Seconds until a server that does not answer is given up. */
  readonly timeout: number;
  /** Certificates (PEM) to trust instead of the usual ones. */
  readonly ca: string | null;
}

/** How the demonstration tasks behave. */
export interface DemoOptions {
  /** Factor on every duration; 0 does not wait. */
  readonly timeScale: number;
  /** Decides which runs fail. */
  readonly random: Random;
  /** The mail server of `email.send`. @default {none} */
  readonly smtp?: SmtpOptions;
  /** The model's file of `ml.detect_spam`. @default {the one that ships} */
  readonly spamModel?: string | null;
}

/** No arguments. */
export const none = z.tuple([]);
