/**
 * SIGINT and SIGTERM end a program that measures in good order.
 *
 * @module
 */
import { endServers } from "./server.ts";
import type { Workplace } from "./workplace.ts";

/** Until it is disposed of, the signals call `listener` and end nothing. */
export function onSignal(listener: () => void): Disposable {
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, listener);
  return {
    [Symbol.dispose]: () => signals.forEach((signal) => Deno.removeSignalListener(signal, listener)),
  };
}

/** Until it is disposed of, the signals end the servers, remove the files, and then end this process. */
export function leaveOnSignal(workplace: Workplace): Disposable {
  return onSignal(() => {
    endServers();
    workplace.remove();
    Deno.exit(130);
  });
}
