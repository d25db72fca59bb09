"""Proves that the checks refuse what is wrong: good examples pass, and each spoiled one does not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from pairs import Pair, Refused


class Checker(Protocol):
    """What the three checkers have in common."""

    enriched: int

    def check(self, pair: Pair) -> None: ...

    def summary(self) -> str: ...


def run(name: str, folder: Path, make: Callable[[], Checker]) -> str:
    """Runs the examples of one rendering; the summary, or the first example that went wrong."""
    examples = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    checker = make()
    for number, one in enumerate(examples["good"], start=1):
        try:
            checker.check(Pair(number, one["before"], one["after"]))
        except Refused as error:
            raise Refused(f"{name}, good example {number} is refused: {error}") from error
    if checker.enriched == 0:
        raise Refused(f"{name}: no good example is enriched")
    for spoiled in examples["spoiled"]:
        refuses(name, examples["good"], spoiled, make())
    return (
        f"{name}: {len(examples['good'])} good examples pass, "
        f"{len(examples['spoiled'])} spoiled ones are refused"
    )


def refuses(
    name: str, good: list[dict[str, Any]], spoiled: dict[str, Any], checker: Checker
) -> None:
    """One change to what a good example came to."""
    one = good[spoiled["of"]]
    after = copy.deepcopy(one["after"])
    spoil(after, spoiled)
    # The good one first: some rules are about events that follow each other.
    checker.check(Pair(1, one["before"], one["after"]))
    try:
        checker.check(Pair(2, one["before"], after))
    except Refused as error:
        if spoiled["refused"] in str(error):
            return
        raise Refused(f"{name}, {spoiled['why']}: refused for another reason: {error}") from error
    raise Refused(f"{name}, {spoiled['why']}: was not refused")


def spoil(document: Any, change: dict[str, Any]) -> None:
    """Sets or removes the value at a JSON pointer."""
    *steps, last = change["at"].removeprefix("/").split("/")
    for step in steps:
        document = document[int(step) if isinstance(document, list) else step]
    key = int(last) if isinstance(document, list) else last
    if "set" in change:
        document[key] = change["set"]
    else:
        del document[key]
