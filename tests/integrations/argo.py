"""Argo Rollouts' rules for an analysis, written down from its documentation and behaviour.

A measurement is Successful, Failed, Inconclusive or Error. Its conditions are expressions over `result`. Failed and Error
abort a rollout, Inconclusive pauses it, Successful lets it go on.
"""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

SUCCESSFUL, FAILED, INCONCLUSIVE, ERROR, RUNNING = "Successful", "Failed", "Inconclusive", "Error", "Running"
ERROR_RETRY = 10.0  # seconds, whatever the interval


class ConditionError(Exception):
    """A condition cannot be evaluated, as `result[0]` of an empty answer: the measurement is an Error."""


def condition(text: str, result: Any) -> bool:
    """Evaluate one: comparisons, `&&`, `||`, `!`, `len`, members and elements of `result`."""
    python = text.replace("&&", " and ").replace("||", " or ")
    python = re.sub(r"!(?!=)", " not ", python)
    found = _value(ast.parse(python.strip(), mode="eval").body, result)
    if not isinstance(found, bool):
        raise ConditionError(f"{text} is no truth value but {found!r}")
    return found


def _value(node: ast.expr, result: Any) -> Any:  # noqa: C901 - a table of what expressions may be
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id="result"):
            return result
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner, result)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return not _value(inner, result)
        case ast.BoolOp(op=op, values=values):
            found = True
            for value in values:
                found = _value(value, result)
                if found is not isinstance(op, ast.And):
                    break
            return found
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            a, b = _value(left, result), _value(right, result)
            compare = {
                ast.Eq: lambda: a == b, ast.NotEq: lambda: a != b, ast.Lt: lambda: a < b,
                ast.LtE: lambda: a <= b, ast.Gt: lambda: a > b, ast.GtE: lambda: a >= b,
            }  # fmt: skip
            return compare[type(op)]()
        case ast.Call(func=ast.Name(id="len"), args=[inner]):
            return len(_value(inner, result))
        case ast.Attribute(value=inner, attr=name):
            owner = _value(inner, result)
            if not isinstance(owner, dict) or name not in owner:
                raise ConditionError(f"there is no {name}")
            return owner[name]
        case ast.Subscript(value=inner, slice=index):
            try:
                return _value(inner, result)[_value(index, result)]
            except (IndexError, KeyError, TypeError) as error:
                raise ConditionError(str(error)) from error
        case _:
            raise AssertionError(f"the emulation does not know {ast.dump(node)}")


def judge(metric: Mapping[str, Any], result: Any) -> str:
    """The phase of a measurement with this result. Failure wins; with both conditions and neither true: Inconclusive."""
    success, failure = metric.get("successCondition", ""), metric.get("failureCondition", "")
    try:
        succeeded = condition(success, result) if success else False
        failed = condition(failure, result) if failure else False
    except ConditionError:
        return ERROR
    if not success and not failure:
        return SUCCESSFUL
    if failed or (not failure and not succeeded):
        return FAILED
    return SUCCESSFUL if succeeded or not success else INCONCLUSIVE


def web_measurement(metric: Mapping[str, Any], args: Mapping[str, str], url: str) -> str:
    """Ask by the `web` provider; `url` takes the place of scheme and host. Any status but 2xx is an Error."""
    web = metric["provider"]["web"]
    path = "/" + filled(web["url"], args).split("/", 3)[3]
    try:
        answer = requests.request(
            web.get("method", "GET"), f"{url}{path}", timeout=web.get("timeoutSeconds", 10)
        )
    except requests.RequestException:
        return ERROR
    if not 200 <= answer.status_code < 300:
        return ERROR
    try:
        body = answer.json()
    except ValueError:
        return judge(metric, answer.text)
    path_of = re.fullmatch(r"\{\$((?:\.\w+)*)\}", web.get("jsonPath", "{$}"))
    assert path_of, "the emulation knows paths of names only"
    for name in filter(None, path_of[1].split(".")):
        if not isinstance(body, dict) or name not in body:
            return ERROR
        body = body[name]
    return judge(metric, body)


def filled(text: str, args: Mapping[str, str]) -> str:
    """`{{args.name}}` replaced; every argument must be given."""
    return re.sub(r"\{\{\s*args\.([\w-]+)\s*\}\}", lambda found: args[found[1]], text)


@dataclass
class Run:
    """One metric of an AnalysisRun."""

    metric: Mapping[str, Any]
    failed: int = 0
    inconclusive: int = 0
    count: int = 0  # of all measurements but errors, inconclusive ones too
    errors_in_row: int = 0
    successes_in_row: int = 0
    seconds: float = 0.0

    def measured(self, phase: str) -> str:
        """The phase of the run after one more measurement."""
        self.seconds += ERROR_RETRY if phase == ERROR else seconds(self.metric["interval"])
        self.errors_in_row = self.errors_in_row + 1 if phase == ERROR else 0
        self.successes_in_row = self.successes_in_row + 1 if phase == SUCCESSFUL else 0
        self.count += phase != ERROR
        self.failed += phase == FAILED
        self.inconclusive += phase == INCONCLUSIVE
        if self.failed > self.metric.get("failureLimit", 0):
            return FAILED
        if self.inconclusive > self.metric.get("inconclusiveLimit", 0):
            return INCONCLUSIVE
        if self.errors_in_row > self.metric.get("consecutiveErrorLimit", 4):
            return ERROR
        wanted = self.metric.get("consecutiveSuccessLimit", 0)
        if wanted and self.successes_in_row >= wanted:
            return SUCCESSFUL
        if "count" in self.metric and self.count >= self.metric["count"]:
            return SUCCESSFUL
        return RUNNING


def rollout_after(phase: str) -> str:
    """What becomes of the rollout."""
    return {
        FAILED: "aborted",
        ERROR: "aborted",
        INCONCLUSIVE: "paused",
        SUCCESSFUL: "goes on",
        RUNNING: "waits",
    }[phase]


def run(metric: Mapping[str, Any], phases: Sequence[str] | Callable[[int], str], most: int) -> str:
    """Measure until the run ends; its phase, RUNNING after `most` measurements."""
    one = Run(metric)
    for number in range(most):
        phase = one.measured(phases(number) if callable(phases) else phases[number])
        if phase != RUNNING:
            return phase
    return RUNNING


def seconds(text: str) -> float:
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]
