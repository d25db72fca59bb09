"""What `whose_lookup(key, field)` has to answer, worked out from the whole answer."""

import json
from collections.abc import Iterator
from typing import Any

Json = Any
# Outcomes that are about one identity.
ABOUT_ONE = ("matched", "retired")


def fields(answer: Json) -> dict[str, str]:
    """Each field that an answer has, with its value as the function gives it."""
    found = {"outcome": answer["outcome"]}
    if "key" in answer:
        found |= {name: value for name, value in walk({"key": answer["key"]})}
    if answer["outcome"] in ABOUT_ONE:
        found |= dict(walk(answer["records"][0]))
    return found


def walk(record: Json) -> Iterator[tuple[str, str]]:
    """Paths of an object and their values."""
    for path in sorted(set(paths(record, ""))):
        through_array, values = follow(record, path.split("."))
        if through_array:
            yield path, json_text(values)
        else:
            (value,) = values
            yield path, value if isinstance(value, str) else json_text(value)


def paths(value: Json, path: str) -> Iterator[str]:
    """Every path below a value."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, below in value.items():
            yield from paths(below, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for element in value:
            if isinstance(element, dict):
                yield from paths(element, path)


def follow(value: Json, names: list[str]) -> tuple[bool, list[Json]]:
    """What a path leads to, and whether it leads through an array."""
    if not names:
        return False, [value]
    if isinstance(value, list):
        found = [follow(element, names)[1] for element in value]
        return True, [one for each in found for one in each]
    if isinstance(value, dict) and names[0] in value:
        return follow(value[names[0]], names[1:])
    return False, []


def json_text(value: Json) -> str:
    """JSON as the module writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
