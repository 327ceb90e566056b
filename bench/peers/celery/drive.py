"""What is asked of Celery by a process that submits, while its workers run: `drive.py <scenario> <options as JSON>`.

The counterpart of `js/drive.mjs`: prints `ready`, waits for a line of input, measures, prints one line of JSON.
"""

import json
import multiprocessing
import sys
import threading
import time

import redis

import tasks

# Seconds between two tasks whose latency is measured, and that a task takes which holds its slot.
GAP = 0.002
LONG = 60

keys = redis.Redis.from_url(tasks.URL)


def go():
    print("ready", flush=True)
    sys.stdin.readline()


def one_by_one(count, at_once):
    """Submits from so many threads, each over a connection of its own (by default they would share ten)."""
    tasks.app.conf.broker_pool_limit = max(10, at_once)

    def submit(first):
        with tasks.app.producer_pool.acquire(block=True) as producer:
            for i in range(first, count, at_once):
                tasks.add.apply_async((i, 1), producer=producer)

    threads = [threading.Thread(target=submit, args=(i,)) for i in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def until_stored(count):
    """Waits for results: by the number of keys, which costs Redis nothing, then counted one by one."""
    while keys.dbsize() < count or (found := tasks.stored(keys)) < count:
        time.sleep(0.02)
    if found > count:
        raise RuntimeError(f"{found} results are stored of {count} tasks")


def measured(warm_up, count, submit):
    submit(warm_up)
    until_stored(warm_up)
    go()
    begin = time.perf_counter()
    submit(count)
    submitted = time.perf_counter()
    until_stored(warm_up + count)
    done = time.perf_counter()
    return {"submitted": (submitted - begin) * 1000, "done": (done - begin) * 1000}


def single(options):
    return measured(options["warmUp"], options["tasks"], lambda count: one_by_one(count, options["atOnce"]))


def bulk(options):
    return measured(options["warmUp"], options["tasks"], tasks.backlog)


def drain(options):
    tasks.backlog(options["warmUp"])
    until_stored(options["warmUp"])
    tasks.pause(True)
    go()
    begin = time.perf_counter()
    tasks.backlog(options["tasks"])
    submitted = time.perf_counter()
    tasks.pause(False)
    until_stored(options["warmUp"] + options["tasks"])
    done = time.perf_counter()
    return {"submitted": (submitted - begin) * 1000, "done": (done - submitted) * 1000}


def steadily(rate, begin, stop, count):
    """Submits so many tasks a second from the one event to the other."""
    begin.wait()
    start = time.perf_counter()
    with tasks.app.producer_pool.acquire(block=True) as producer:
        while not stop.is_set():
            due = (time.perf_counter() - start) * rate
            while count.value < due:
                tasks.add.apply_async((count.value, 1), producer=producer)
                count.value += 1
            time.sleep(0.001)


def timed(submit):
    begin = time.time()
    started, _sum = submit().get(timeout=60)
    return (started - begin) * 1000, (time.time() - begin) * 1000


def latency(options):
    warm_up, tries, rate = options["warmUp"], options["tries"], options["rate"]
    # A process of its own, which does not hold up the one that measures; forked before that has any connection.
    begin, stop, count = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Value("i", 0)
    beside = multiprocessing.Process(target=steadily, args=(rate, begin, stop, count), daemon=True)
    beside.start()
    one_by_one(warm_up, 16)
    until_stored(warm_up)
    go()
    start = time.perf_counter()
    if rate > 0:
        begin.set()
    time.sleep(0.5 if rate > 0 else 0.1)
    pairs = []
    for i in range(tries):
        pairs.append(timed(lambda: tasks.probe.delay(i, 1)))
        time.sleep(GAP)
    seconds = time.perf_counter() - start
    stop.set()
    begin.set()
    beside.join()
    until_stored(warm_up + tries + count.value)
    return {"pickups": [a for a, _ in pairs], "results": [b for _, b in pairs], "besides": count.value / seconds}


def important(options):
    for _ in range(options["waiting"]):
        tasks.long.delay(LONG)
    slots = options["slots"]["celery"]
    inspect = tasks.app.control.inspect(timeout=0.5)

    def held():
        return sum(1 for them in (inspect.active() or {}).values() for task in them if task["name"] == "peer.long")

    while held() < slots:
        time.sleep(0.01)
    go()
    pairs = [timed(lambda: tasks.important.delay(i, 1)) for i in range(options["tries"])]
    if held() != slots:
        raise RuntimeError("the long tasks do not hold every slot")
    return {"pickups": [a for a, _ in pairs], "results": [b for _, b in pairs]}


if __name__ == "__main__":
    figures = globals()[sys.argv[1]](json.loads(sys.argv[2]))
    print(json.dumps(figures), flush=True)
    sys.stdin.readline()
