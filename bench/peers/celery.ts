/**
 * Celery with Redis as the first source system runs it: a worker for each of its two queues, FastAPI in front.
 *
 * @module
 */
import { join } from "node:path";
import { freePort, Service } from "../service.ts";
import { ROOT } from "../workplace.ts";
import { Drive, type Peer, runs, ServedApp } from "./peer.ts";
import { lackingRedis, type Persistence, startRedis, STORAGE } from "./redis.ts";

const FOLDER = join(import.meta.dirname!, "celery");
const PYTHON = join(ROOT, ".cache/celery/bin/python");
/** By queue, the processes of its worker. */
const SLOTS = { celery: 16, high_priority: 4 } as const;

/** Celery with one kind of Redis. */
export function celery(persistence: Persistence): Peer {
  const start = async (folder: string, ...args: string[]) => {
    const { redis, port } = await startRedis(persistence, folder);
    const run = (...args: string[]) =>
      new Service(PYTHON, args, { cwd: FOLDER, env: { REDIS_URL: `redis://127.0.0.1:${port}/0` } });
    const worker = (queue: keyof typeof SLOTS) => {
      const name = ["-A", "tasks", "worker", "-n", `${queue}@peer`];
      return run("-m", "celery", ...name, "-Q", queue, "-P", "prefork", "-c", String(SLOTS[queue]));
    };
    const others = [worker("celery"), worker("high_priority"), redis];
    return { program: run(...args), others };
  };
  return {
    system: "celery",
    name: "FastAPI + Celery",
    storage: STORAGE[persistence],
    slots: `prefork, ${SLOTS.celery} + ${SLOTS.high_priority} processes`,
    pace: 700,
    async lacking() {
      const found = await runs(PYTHON, "-c", VERSIONS);
      const how = "python3 -m venv .cache/celery && " +
        ".cache/celery/bin/pip install -r bench/peers/celery/requirements.txt";
      return [
        ...await lackingRedis(),
        ...found ? [] : [`Celery 5.7.0, FastAPI 0.165.0, uvicorn 0.54.0: ${how}`],
      ];
    },
    async drive(scenario, options, folder) {
      const json = JSON.stringify({ ...options, slots: SLOTS });
      const { program, others } = await start(folder, "drive.py", scenario, json);
      return await Drive.ready(program, others);
    },
    async serve(folder) {
      const port = freePort();
      const uvicorn = ["-m", "uvicorn", "api:app", "--port", String(port), "--log-level", "warning"];
      const { program, others } = await start(folder, ...uvicorn);
      return await ServedApp.answering(port, [program, ...others]);
    },
  };
}

/** Ends well where the versions are those of `requirements.txt`. */
const VERSIONS = "import celery, fastapi, redis, uvicorn; " +
  "assert [celery.__version__, fastapi.__version__, uvicorn.__version__] == ['5.7.0', '0.165.0', '0.54.0']";
