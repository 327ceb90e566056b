/**
 * The demonstration tasks as a program's tasks, made with the settings.
 *
 * @module
 */
import { type Settings, SettingsError } from "../routes/mod.ts";
import { demoRoutes, demoSchedules, demoTasks } from "../tasks/mod.ts";
import type { ProgramTasks } from "./serve.ts";

/**
 * The tasks, routes and schedules of the demonstration; none with `DEMO=off`.
 *
 * @throws {SettingsError} when the file of certificates cannot be used
 */
export async function demonstration(settings: Settings): Promise<ProgramTasks> {
  if (!settings.DEMO) return { definitions: [], taskRoutes: {}, schedules: [] };
  const smtp = {
    host: settings.SMTP_HOST,
    port: settings.SMTP_PORT,
    security: settings.SMTP_SECURITY,
    user: settings.SMTP_USER,
    password: settings.SMTP_PASSWORD,
    from: settings.SMTP_FROM,
    timeout: settings.SMTP_TIMEOUT,
    ca: settings.SMTP_CA_FILE && await readCertificates(settings.SMTP_CA_FILE),
  };
  const definitions = demoTasks({
    timeScale: settings.DEMO_TIME_SCALE,
    random: Math.random,
    spamModel: settings.SPAM_MODEL,
    smtp,
  });
  return { definitions, taskRoutes: demoRoutes, schedules: demoSchedules() };
}

async function readCertificates(path: string): Promise<string> {
  try {
    const text = await Deno.readTextFile(path);
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  } catch (error) {
    throw new SettingsError([`SMTP_CA_FILE must be a file that can be read: ${(error as Error).message}`]);
  }
  throw new SettingsError([`SMTP_CA_FILE must hold PEM certificates: '${path}' has none`]);
}
