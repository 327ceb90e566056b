"""FastAPI in front of Celery: the routes of the first source system, and what the measurement needs."""

import redis
from celery.result import AsyncResult
from fastapi import FastAPI

import tasks

app = FastAPI()
keys = redis.Redis.from_url(tasks.URL)


@app.get("/add/{x}/{y}")
def add(x: int, y: int):
    return {"task_id": tasks.add.delay(x, y).id, "status": "Task submitted"}


@app.get("/result/{task_id}")
def result(task_id: str):
    found = AsyncResult(task_id, app=tasks.app)
    if not found.ready():
        return {"task_id": task_id, "status": "Task is still processing"}
    return {"task_id": task_id, "result": found.result}


@app.get("/stored")
def stored():
    return {"stored": tasks.stored(keys)}


@app.post("/backlog/{count}")
def backlog(count: int):
    tasks.pause(True)
    tasks.backlog(count)
    return {"submitted": count}
