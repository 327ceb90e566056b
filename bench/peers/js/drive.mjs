/**
 * What is asked of a queue in its own process: the same code for Deno, Node and Bun.
 *
 * A peer gives `open({ slots, run, finished })`, which resolves to a queue whose workers run:
 *
 * ```text
 * submit(name, x, y)       submits one task, resolves to a handle when it is accepted
 * submitAll(first, count)  submits `count` additions in one call
 * result(handle)           resolves to the result, as soon as the one who has submitted can know it
 * pause(), resume()        the workers take nothing meanwhile
 * stored()                 how many results are stored
 * ```
 *
 * Prints `ready`, waits for a line of input, measures, prints one line of JSON.
 *
 * @module
 */
import process from "node:process";

/** Tasks of one call in bulk, and calls in flight. */
const BATCH = 250;
const BATCHES = 4;
/** Submits of the load beside others that may be open at once. */
const MOST_OPEN = 256;
/** Milliseconds between two tasks whose latency is measured. */
const GAP = 2;
/** Milliseconds that a task takes which holds its slot. */
const LONG = 60_000;

const scenarios = {
  /** Each task by a call of its own, so many calls at once, while the workers work. */
  single: (site, { tasks, atOnce }) => endToEnd(site, tasks, (count) => site.oneByOne(count, atOnce)),

  /** As many tasks a call as a batch has, while the workers work. */
  bulk: (site, { tasks }) => endToEnd(site, tasks, (count) => site.inBulk(count)),

  /** A backlog, submitted in bulk while nobody works, then worked off. */
  async drain(site, { tasks }) {
    await site.inBulk(site.warmUp);
    await site.all(site.warmUp);
    await site.queue.pause();
    await go();
    const begin = performance.now();
    await site.inBulk(tasks);
    const submitted = performance.now();
    await site.queue.resume();
    await site.all(site.warmUp + tasks);
    return { submitted: submitted - begin, done: performance.now() - submitted };
  },

  /** One task after the other, beside `rate` others a second. */
  async latency(site, { tries, rate }) {
    await site.oneByOne(site.warmUp, 16);
    await site.all(site.warmUp);
    await go();
    const beside = site.steadily(rate);
    await pause(rate > 0 ? 500 : 100);
    const pickups = [], results = [];
    for (let i = 0; i < tries; i++) {
      const begin = performance.now();
      const sum = await site.queue.result(await site.queue.submit("probe", i, 1));
      results.push(performance.now() - begin);
      pickups.push(site.startedAt - begin);
      if (sum !== i + 1) throw new Error(`${i} + 1 gave ${sum}`);
      await pause(GAP);
    }
    const { count, seconds } = await beside.stop();
    await site.all(site.warmUp + tries + count);
    return { pickups, results, besides: count / seconds };
  },

  /** Important tasks, one after the other, while long ones hold every slot of the other channel and more wait. */
  async important(site, { tries, waiting }) {
    await Promise.all(Array.from({ length: waiting }, (_, i) => site.queue.submit("long", i, 1)));
    while (site.held < site.slots.celery) await pause(10);
    await go();
    const pickups = [], results = [];
    for (let i = 0; i < tries; i++) {
      const begin = performance.now();
      await site.queue.result(await site.queue.submit("important", i, 1));
      results.push(performance.now() - begin);
      pickups.push(site.startedAt - begin);
    }
    if (site.held !== site.slots.celery) throw new Error(`${site.held} slots are held`);
    return { pickups, results };
  },
};

/** Milliseconds until so many tasks are submitted, and until all are done, after a warm-up. */
async function endToEnd(site, tasks, submit) {
  await submit(site.warmUp);
  await site.all(site.warmUp);
  await go();
  const begin = performance.now();
  await submit(tasks);
  const submitted = performance.now();
  await site.all(site.warmUp + tasks);
  return { submitted: submitted - begin, done: performance.now() - begin };
}

/** A queue and what was asked of it. */
class Site {
  startedAt = 0;
  held = 0;
  #finished = 0;
  #goal = Infinity;
  #reached = () => {};

  constructor({ slots, warmUp }) {
    Object.assign(this, { slots, warmUp });
  }

  async open(open) {
    this.queue = await open({
      slots: this.slots,
      run: (name, x, y) => this.#run(name, x, y),
      finished: () => {
        if (++this.#finished >= this.#goal) this.#reached();
      },
    });
  }

  async oneByOne(tasks, atOnce) {
    let next = 0;
    await Promise.all(Array.from({ length: atOnce }, async () => {
      while (next < tasks) await this.queue.submit("add", next++, 1);
    }));
  }

  async inBulk(tasks) {
    let next = 0;
    await Promise.all(Array.from({ length: BATCHES }, async () => {
      while (next < tasks) {
        const first = next;
        next = Math.min(tasks, first + BATCH);
        await this.queue.submitAll(first, next - first);
      }
    }));
  }

  /** Submits so many tasks a second, as far as the queue accepts them, until it is stopped. */
  steadily(rate) {
    const begin = performance.now();
    let [count, open] = [0, 0];
    let timer;
    const seconds = () => (performance.now() - begin) / 1000;
    const tick = () => {
      const due = seconds() * rate;
      for (; count < due && open < MOST_OPEN; count++) {
        open++;
        this.queue.submit("add", count, 1).then(() => open--);
      }
      timer = setTimeout(tick, 1);
    };
    if (rate > 0) tick();
    return {
      async stop() {
        clearTimeout(timer);
        const took = seconds();
        while (open > 0) await pause(1);
        return { count, seconds: took };
      },
    };
  }

  /** Resolves when so many results are stored. */
  async all(count) {
    if (this.#finished < count) {
      await new Promise((resolve) => {
        [this.#goal, this.#reached] = [count, resolve];
      });
    }
    let stored = await this.queue.stored();
    for (; stored < count; stored = await this.queue.stored()) await pause(1);
    if (stored > count) throw new Error(`${stored} results are stored of ${count} tasks`);
  }

  #run(name, x, y) {
    if (name === "add") return x + y;
    this.startedAt = performance.now();
    if (name !== "long") return x + y;
    this.held++;
    return pause(LONG);
  }
}

/** Says that it is ready, and resolves when it is told to begin. */
async function go() {
  process.stdout.write("ready\n");
  await new Promise((resolve) => process.stdin.once("data", resolve));
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Runs a scenario with its options as JSON. */
export async function drive(open, name, json) {
  const options = JSON.parse(json);
  const site = new Site(options);
  await site.open(open);
  const figures = await scenarios[name](site, options);
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  // It is ended from outside, when its processor time has been read.
  await new Promise((resolve) => process.stdin.once("data", resolve));
  await site.queue.close?.();
  process.exit(0);
}
