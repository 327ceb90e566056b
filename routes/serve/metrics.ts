/**
 * `/metrics`: events of this process and tasks that wait in the store, in Prometheus' text format.
 *
 * @module
 */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Channel, Queue, QueueEvent, TaskRef, Worker } from "../../queue/mod.ts";
import type { Env } from "../env.ts";
import type { Log } from "./log.ts";

/** The labels of a series of tasks. */
const TASK_LABELS = ["name", "channel"];

/** Upper bounds of the histograms' buckets, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600];

type Labels = Readonly<Record<string, string>>;

/** Values by labels, a level of a tree for each label: an event finds its value without making a text of the labels. */
class Series<Value> {
  readonly #below = new Map<string, Series<Value>>();
  value: Value | undefined;

  /** The values with this label. */
  under(label: string): Series<Value> {
    let series = this.#below.get(label);
    if (!series) this.#below.set(label, series = new Series());
    return series;
  }

  /** Every value with the text of its labels. */
  *entries([name, ...names]: readonly string[], labels: Labels = {}): Generator<[string, Value]> {
    if (this.value !== undefined) yield [labelText(labels), this.value];
    for (const [label, series] of this.#below) yield* series.entries(names, { ...labels, [name!]: label });
  }
}

/** How often something happened, by labels. */
class Counter {
  readonly #counts = new Series<number>();

  constructor(
    readonly name: string,
    readonly help: string,
    readonly labels: readonly string[] = TASK_LABELS,
  ) {}

  add(...labels: readonly string[]): void {
    let series = this.#counts;
    for (const label of labels) series = series.under(label);
    series.value = (series.value ?? 0) + 1;
  }

  *lines(): Generator<string> {
    yield* head(this.name, "counter", this.help);
    for (const [labels, count] of this.#counts.entries(this.labels)) yield `${this.name}{${labels}} ${count}`;
  }
}

/** How long something took, by a task's name and channel. */
class Histogram {
  readonly #series = new Series<{ readonly counts: number[]; sum: number; count: number }>();

  constructor(readonly name: string, readonly help: string) {}

  observe({ name, channel }: TaskRef, seconds: number): void {
    const series = this.#series.under(name).under(channel);
    const value = series.value ??= { counts: BUCKETS.map(() => 0), sum: 0, count: 0 };
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) value.counts[bucket]!++;
    value.sum += seconds;
    value.count++;
  }

  *lines(): Generator<string> {
    yield* head(this.name, "histogram", this.help);
    for (const [labels, { counts, sum, count }] of this.#series.entries(TASK_LABELS)) {
      let below = 0;
      for (const [i, bound] of BUCKETS.entries()) {
        below += counts[i]!;
        yield `${this.name}_bucket{${labels},le="${bound}"} ${below}`;
      }
      yield `${this.name}_bucket{${labels},le="+Inf"} ${count}`;
      yield `${this.name}_sum{${labels}} ${sum}`;
      yield `${this.name}_count{${labels}} ${count}`;
    }
  }
}

/**
 * Makes the metrics of a process.
 *
 * @param log the log whose dropped lines are counted
 */
export function createMetrics(log?: Pick<Log, "dropped">): Metrics {
  return new Metrics(Date.now(), log);
}

/** Counts the engine's events; its methods need no `this`. */
export class Metrics {
  readonly #submitted = new Counter("sluice_tasks_submitted_total", "Tasks that this process accepted.");
  readonly #started = new Counter("sluice_runs_started_total", "Runs that this process started.");
  readonly #retried = new Counter("sluice_tasks_retried_total", "Runs that failed and will be repeated.");
  readonly #lost = new Counter(
    "sluice_tasks_lost_total",
    "Runs whose worker was lost, found by this process.",
  );
  readonly #finished = new Counter(
    "sluice_tasks_finished_total",
    "Tasks that this process ended, by state.",
    [
      ...TASK_LABELS,
      "state",
    ],
  );
  readonly #claims = new Counter(
    "sluice_claims_total",
    "Commits by which this process tried to claim tasks.",
    ["channel"],
  );
  readonly #claimsLost = new Counter(
    "sluice_claims_lost_total",
    "Claims that failed, mostly because another process had taken one of the tasks.",
    ["channel"],
  );
  readonly #waited = new Histogram(
    "sluice_task_wait_seconds",
    "From the moment a task could run to its start.",
  );
  readonly #duration = new Histogram("sluice_run_duration_seconds", "From the start of a run to its end.");
  readonly #startedAt: number;
  readonly #log: Pick<Log, "dropped"> | undefined;

  /** @param now wall clock, milliseconds */
  constructor(now: number = Date.now(), log?: Pick<Log, "dropped">) {
    this.#log = log;
    this.#startedAt = now / 1000;
  }

  /** Counts an event of the engine: give it to `createQueue` as `onEvent`. */
  readonly event = (event: QueueEvent): void => {
    switch (event.type) {
      case "submitted":
        return this.#submitted.add(event.task.name, event.task.channel);
      case "started":
        this.#started.add(event.task.name, event.task.channel);
        return this.#waited.observe(event.task, event.waited);
      case "retried":
        this.#retried.add(event.task.name, event.task.channel);
        return this.#duration.observe(event.task, event.duration);
      case "lost":
        return this.#lost.add(event.task.name, event.task.channel);
      case "finished":
        this.#finished.add(event.task.name, event.task.channel, event.state);
        if (event.duration !== null) this.#duration.observe(event.task, event.duration);
        return;
      case "claim":
        this.#claims.add(event.channel);
        if (!event.landed) this.#claimsLost.add(event.channel);
    }
  };

  /** The text, with the channels and workers of now. */
  text(channels: readonly Channel[], workers: readonly Worker[]): string {
    const counted = [
      this.#submitted,
      this.#started,
      this.#retried,
      this.#lost,
      this.#finished,
      this.#claims,
      this.#claimsLost,
    ];
    const lines = [...counted, this.#waited, this.#duration].flatMap((metric) => [...metric.lines()]);
    if (this.#log) {
      const name = "sluice_log_lines_dropped_total";
      const help = "Lines of the log that could not be written, as nobody read them or the disk was full.";
      lines.push(...head(name, "counter", help), `${name} ${this.#log.dropped}`);
    }
    const gauge = (name: string, help: string, values: readonly (readonly [Labels, number])[]) => {
      lines.push(...head(name, "gauge", help));
      for (const [labels, value] of values) {
        const text = labelText(labels);
        lines.push(`${name}${text && `{${text}}`} ${value}`);
      }
    };
    const places = ["ready", "delayed", "blocked", "running"] as const;
    gauge(
      "sluice_channel_tasks",
      "Tasks in the store by the place where they stand; counted up to 10,000.",
      channels.flatMap((channel) =>
        places.map((place) => [{ channel: channel.name, place }, channel[place]] as const)
      ),
    );
    gauge(
      "sluice_channel_oldest_age_seconds",
      "How long the oldest ready task has waited.",
      channels.map((channel) => [{ channel: channel.name }, channel.oldestAge ?? 0] as const),
    );
    gauge(
      "sluice_channel_slots",
      "Slots of this process.",
      channels.map((channel) => [{ channel: channel.name }, channel.slots] as const),
    );
    gauge(
      "sluice_channel_paused",
      "1 while nothing of the channel is started.",
      channels.map((channel) => [{ channel: channel.name }, channel.paused ? 1 : 0] as const),
    );
    gauge("sluice_workers", "Processes that are registered.", [[
      {},
      workers.filter(({ lost }) => !lost).length,
    ]]);
    gauge("process_start_time_seconds", "When this process started, since 1970.", [[{}, this.#startedAt]]);
    return `${lines.join("\n")}\n`;
  }
}

/** The route of the metrics. */
export function metricsRoutes(queue: Queue, metrics: Metrics): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>();
  app.openAPIRegistry.registerPath({
    method: "get",
    path: "/metrics",
    summary: "Events of this process and tasks that wait in the store, for Prometheus",
    responses: {
      200: { description: "Prometheus' text format.", content: { "text/plain": { schema: z.string() } } },
    },
  });
  app.get("/metrics", async (c) => {
    const [channels, workers] = await Promise.all([queue.channels(), queue.workers()]);
    return c.body(metrics.text(channels, workers), 200, {
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
      "cache-control": "no-store",
    });
  });
  return app;
}

function head(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (c) => ESCAPES[c]!)}"`)
    .join(",");
}
