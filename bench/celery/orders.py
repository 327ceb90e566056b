"""An order that is processed once an hour at most, as the fifth source system does it with Celery and a key in Redis.

    python -m celery -A orders worker          runs orders
    python orders.py submit <order>            prints the task's id
    python orders.py look <task id> <order>    prints what Redis knows, as JSON

The environment says where Redis is (REDIS_URL), how long an order takes (SECONDS), and, with VISIBILITY set, that a task
is acknowledged when it has ended, and given to another worker when that has not happened for so many seconds.
"""

import functools
import json
import os
import sys
import time

import redis
from celery import Celery
from celery.result import AsyncResult
from celery.utils.log import get_task_logger

URL = os.environ["REDIS_URL"]
app = Celery("orders", broker=URL, backend=URL)
if "VISIBILITY" in os.environ:
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_transport_options={"visibility_timeout": int(os.environ["VISIBILITY"])},
    )
keys = redis.Redis.from_url(URL, decode_responses=True)
log = get_task_logger(__name__)


def once(ttl):
    """Skips a run while the key of its order is there: set before the run, deleted when that fails."""

    def decorate(handler):
        @functools.wraps(handler)
        def run(order):
            key = f"idem:process_order:{order}"
            if not keys.set(key, "processing", nx=True, ex=ttl):
                log.warning("order %s is a duplicate: skipped", order)
                return None
            try:
                result = handler(order)
            except Exception:
                keys.delete(key)
                raise
            keys.set(key, "completed", keepttl=True)
            return result

        return run

    return decorate


@app.task(name="process_order")
@once(ttl=3600)
def process_order(order):
    log.warning("order %s begins", order)
    time.sleep(float(os.environ["SECONDS"]))
    log.warning("order %s was processed", order)
    return {"processed": True, "data": {"order_id": order}}


def look(task_id, order):
    result = AsyncResult(task_id, app=app)
    key = f"idem:process_order:{order}"
    return {
        "state": result.state,
        "result": result.result if result.successful() else None,
        "key": keys.get(key),
        "ttl": keys.ttl(key),
        "waiting": keys.llen("celery"),
        "unacknowledged": keys.hlen("unacked"),
    }


if __name__ == "__main__":
    if sys.argv[1] == "submit":
        print(process_order.delay(sys.argv[2]).id)
    else:
        print(json.dumps(look(sys.argv[2], sys.argv[3])))
