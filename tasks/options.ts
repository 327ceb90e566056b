/**
 * What the demonstration tasks share.
 *
 * @module
 */
import { z } from "zod";
import type { Random } from "../queue/mod.ts";
import type { SmtpOptions } from "./email.ts";

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
