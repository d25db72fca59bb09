"""Events before and after enrichment: reading them, and finding what was added."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Names and indices that lead to a value.
Steps = tuple[str | int, ...]


class Refused(Exception):
    """An event that is not as it should be; says where and why."""


@dataclass(frozen=True)
class Pair:
    """One line."""

    number: int
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True)
class Rules:
    """What a rendering may do to an event besides adding members."""

    # Members that only this product writes: forged ones are removed or replaced.
    is_ours: Callable[[str], bool]
    # Arrays that others fill as well, and elements in them that only this product writes.
    grows: Callable[[Steps], bool]
    is_our_element: Callable[[Any], bool]


@dataclass(frozen=True)
class Addition:
    """A member, or an element of an array, that the enriched event has and the event had not."""

    steps: Steps
    value: Any


def dotted(steps: Steps) -> str:
    """The path as people write it."""
    return ".".join(str(step) for step in steps)


def parse(text: str) -> Any:
    """JSON in which no object has a member twice: readers differ in which of the two they take."""

    def unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in members]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise Refused(f"an object has {sorted(twice)[0]!r} twice")
        return dict(members)

    return json.loads(text, object_pairs_hook=unique)


def read(before: Path, after: Path) -> tuple[list[Pair], int]:
    """All lines that are JSON objects, and how many are not; those must be the same in both files."""
    old = before.read_bytes().split(b"\n")
    new = after.read_bytes().split(b"\n")
    if len(old) != len(new):
        raise Refused(f"{len(old)} lines went in and {len(new)} came out")
    pairs, others = [], 0
    for number, (one, other) in enumerate(zip(old, new), start=1):
        try:
            document = parse(one.decode())
        except ValueError:
            document = None
        if isinstance(document, dict):
            try:
                enriched = parse(other.decode())
            except (ValueError, Refused) as error:
                raise Refused(f"line {number}: {error}") from error
            pairs.append(Pair(number, document, enriched))
        elif one != other:
            raise Refused(f"line {number} is not a JSON object and was changed")
        elif one:
            others += 1
    return pairs, others


def additions(before: Any, after: Any, rules: Rules, steps: Steps = ()) -> Iterator[Addition]:
    """What was added. Everything else must be as it was, in envelopes and in text that is JSON too."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before.keys() - after.keys():
            if not rules.is_ours(name):
                raise Refused(f"{dotted((*steps, name))} was removed")
        for name, value in after.items():
            if name not in before or rules.is_ours(name):
                yield Addition((*steps, name), value)
            else:
                yield from additions(before[name], value, rules, (*steps, name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from elements(before, after, rules, steps)
    elif before != after or type(before) is not type(after):
        inner = (document_of(before), document_of(after))
        if None in inner:
            raise Refused(f"{dotted(steps)} was changed")
        yield from additions(*inner, rules, steps)


def elements(before: list[Any], after: list[Any], rules: Rules, steps: Steps) -> Iterator[Addition]:
    """What was added to an array."""
    if rules.grows(steps):
        kept = [element for element in before if not rules.is_our_element(element)]
        if after[: len(kept)] != kept:
            raise Refused(f"elements of {dotted(steps)} were changed")
        for index in range(len(kept), len(after)):
            yield Addition((*steps, index), after[index])
    elif len(before) != len(after):
        raise Refused(f"{dotted(steps)} has another number of elements")
    else:
        for index, (one, other) in enumerate(zip(before, after)):
            yield from additions(one, other, rules, (*steps, index))


def document_of(value: Any) -> dict[str, Any] | None:
    """The object in a text, such as CloudTrail's LookupEvents answers have."""
    if not isinstance(value, str):
        return None
    try:
        document = parse(value)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
