/**
 * bunqueue on Bun, embedded, in a SQLite file; behind HTTP with Hono. One process submits and works.
 *
 * @module
 */
import { join } from "node:path";
import { freePort, Service } from "../service.ts";
import { lackingPackages, packagesOf, placed } from "./javascript.ts";
import { Drive, type Peer, ServedApp, SLOTS } from "./peer.ts";

/** bunqueue, with its jobs in a buffer or on the disk when they are accepted. */
export function bunqueue(durable: boolean): Peer {
  const start = (folder: string, ...args: string[]) =>
    new Service(join(packagesOf("bunqueue"), "node_modules/.bin/bun"), [placed("bunqueue"), ...args], {
      cwd: packagesOf("bunqueue"),
      env: { DATA_PATH: join(folder, "bunqueue.db"), DURABLE: durable ? "1" : "0" },
    });
  return {
    system: "bunqueue",
    name: "bunqueue",
    storage: durable ? "SQLite, durable" : "SQLite, buffered",
    slots: `concurrency ${SLOTS.celery}`,
    pace: 2_000,
    lacking: () => Promise.resolve(lackingPackages("bunqueue")),
    drive: (scenario, options, folder) => Drive.ready(start(folder, scenario, JSON.stringify(options))),
    serve: (folder) => {
      const port = freePort();
      return ServedApp.answering(port, [start(folder, "serve", String(port))]);
    },
  };
}
