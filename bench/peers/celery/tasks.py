"""The first source system's queues and workers, with tasks that cost nothing. REDIS_URL says where Redis is."""

import os
import time

from celery import Celery

URL = os.environ["REDIS_URL"]
app = Celery("peer", broker=URL, backend=URL)
app.conf.update(
    task_default_queue="celery",
    task_routes={"peer.important": {"queue": "high_priority"}},
    result_expires=86400,
    broker_connection_retry_on_startup=True,
)


@app.task(name="peer.add")
def add(x, y):
    return x + y


@app.task(name="peer.probe")
def probe(x, y):
    """Returns when it was started, and the sum."""
    return time.time(), x + y


@app.task(name="peer.long")
def long(seconds):
    time.sleep(seconds)


@app.task(name="peer.important")
def important(x, y):
    return time.time(), x + y


def stored(redis):
    """How many results are stored."""
    return sum(1 for _ in redis.scan_iter("celery-task-meta-*", count=10_000))


def backlog(count):
    """Submits tasks one after the other over one connection: Celery has no submit in bulk."""
    with app.producer_pool.acquire(block=True) as producer:
        for i in range(count):
            add.apply_async((i, 1), producer=producer)


def pause(paused):
    """Has the workers of the queue `celery` take nothing, or take tasks again; returns when they have answered."""
    change = app.control.cancel_consumer if paused else app.control.add_consumer
    if not change("celery", reply=True, timeout=5, limit=1, destination=["celery@peer"]):
        raise RuntimeError("no worker has answered")
