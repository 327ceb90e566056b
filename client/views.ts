/**
 * The views of `deno task inspect`: each asks for something, and makes tables of the answer.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import type * as contract from "../routes/contract/mod.ts";
import type { Api } from "./api.ts";
import type { Table } from "./table.ts";

type Wire<Name extends keyof typeof contract> = typeof contract[Name] extends z.ZodType
  ? z.output<typeof contract[Name]>
  : never;

/** The outcome of a view: the answer as it came, and tables. */
interface Seen {
  readonly data: unknown;
  readonly tables: readonly Table[];
}

type View = (api: Api, argument: string | undefined) => Promise<Seen>;

/** The views by name. */
export const VIEWS: Readonly<Record<string, View>> = {
  active: (api) => runs(api, "Running now", ({ reserved }) => reserved !== true),
  reserved: (api) => runs(api, "Claimed, waiting for a free thread", ({ reserved }) => reserved === true),
  scheduled,
  registered,
  stats,
  channels,
  workers,
  task,
  keys,
};

type RunningTask = Wire<"Worker">["running"][number];

async function runs(api: Api, title: string, wanted: (task: RunningTask) => boolean): Promise<Seen> {
  const { workers } = await api<Wire<"WorkerList">>("/v1/workers");
  const data = workers.flatMap(({ id, running }) =>
    running.filter(wanted).map((task) => ({ ...task, worker: id }))
  );
  const rows = data.map(({ id, name, channel, worker, started_at }) => ({
    id,
    name,
    channel,
    worker,
    since: started_at,
  }));
  return { data, tables: [{ title, rows }] };
}

/** Delayed tasks, read off their keys, which are in order of time. */
async function scheduled(api: Api): Promise<Seen> {
  const { keys } = await api<Wire<"KeyPage">>("/v1/keys?prefix=delayed&limit=500");
  const data = keys.map(({ key, value }) => {
    const { name, channel, priority } = JSON.parse(value);
    return { run_at: new Date(Number(key[2])).toISOString(), id: key[3], name, channel, priority };
  });
  return { data, tables: [{ title: "Delayed tasks, the next one first", rows: data }] };
}

async function registered(api: Api): Promise<Seen> {
  const { definitions } = await api<Wire<"DefinitionList">>("/v1/definitions");
  const rows = definitions.map(({ name, channel, priority, max_retries, time_limit, description }) => ({
    name,
    channel,
    priority,
    max_retries,
    time_limit: `${time_limit} s`,
    description,
  }));
  return { data: definitions, tables: [{ title: "Task definitions", rows }] };
}

async function stats(api: Api): Promise<Seen> {
  const data = await api<Wire<"Stats">>("/v1/stats");
  const pairs = (of: object) => Object.entries(of).map(([what, value]) => ({ what, value }));
  const { tasks, workers, since_start, channels: _, ...process } = data;
  return {
    data,
    tables: [
      { title: "Process", rows: pairs(process) },
      { title: "Tasks (counted up to 10,000)", rows: pairs(tasks) },
      { title: "Workers", rows: pairs(workers) },
      { title: "This process since its start", rows: pairs(since_start) },
    ],
  };
}

async function channels(api: Api): Promise<Seen> {
  const { channels } = await api<Wire<"ChannelList">>("/v1/channels");
  return { data: channels, tables: [{ title: "Channels", rows: channels }] };
}

async function workers(api: Api): Promise<Seen> {
  const { workers } = await api<Wire<"WorkerList">>("/v1/workers");
  const rows = workers.map(({ id, host, pid, channels, heartbeat_age, lost, running }) => ({
    id,
    host,
    pid,
    heartbeat: lost ? "lost" : `${Math.round(heartbeat_age * 10) / 10} s ago`,
    running: running.length,
    slots: Object.entries(channels).map(([channel, slots]) => `${channel}=${slots}`).join(","),
  }));
  return { data: workers, tables: [{ title: "Workers", rows }] };
}

async function task(api: Api, id: string | undefined): Promise<Seen> {
  if (id === undefined) throw new TypeError("The view 'task' needs a task id: deno task inspect task <id>");
  const at = `/v1/tasks/${encodeURIComponent(id)}`;
  const { attempts, ...task } = await api<Wire<"TaskDetail">>(at);
  const explanation = await api<Wire<"Explanation">>(`${at}/explain`);
  const { keys } = await api<Wire<"KeyPage">>(`${at}/keys`);
  const fields = Object.entries(task).filter(([, value]) => value !== null).map(([field, value]) => ({
    field,
    value,
  }));
  return {
    data: { task: { ...task, attempts }, explanation, keys },
    tables: [
      { title: `Task ${task.id}`, rows: fields },
      { title: "Why", rows: explanation.reasons },
      {
        title: "Attempts",
        rows: attempts.map(({ error, ...attempt }) => ({
          ...attempt,
          error: error && `${error.type}: ${error.message}`,
        })),
      },
      { title: "Timeline", rows: explanation.timeline },
      { title: "Stored keys", rows: keys.map(keyRow) },
    ],
  };
}

async function keys(api: Api, prefix: string | undefined): Promise<Seen> {
  const query = prefix === undefined ? "" : `?prefix=${encodeURIComponent(prefix)}`;
  const page = await api<Wire<"KeyPage">>(`/v1/keys${query}`);
  const more = page.next_cursor === null ? "" : " (the first of more)";
  return { data: page.keys, tables: [{ title: `Stored keys${more}`, rows: page.keys.map(keyRow) }] };
}

function keyRow({ key, value }: Wire<"KeyPage">["keys"][number]): Record<string, string> {
  return { key: key.join(" "), value: value.length > 100 ? `${value.slice(0, 100)}…` : value };
}
