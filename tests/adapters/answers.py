"""Answers as a Prometheus writes them."""

import json


def answer(result: object = (), kind: str = "vector", **more: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}).encode()


def row(value: object = "1", time: object = 1700000000.123, **labels: object) -> dict[str, object]:
    return {"metric": labels, "value": [time, value]}


ONE_ROW = answer([row("2", a="b")])
