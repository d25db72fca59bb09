"""ECS: what is added outside `Nhi` is a field of that name and type, and `Nhi` is no field of ECS."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairs import Pair, Refused, Rules, Steps, additions, dotted

OWN = "Nhi"
RULES = Rules(
    is_ours=lambda name: name in (OWN, "whose"),
    grows=lambda steps: dotted(steps).split(".")[-2:] == ["related", "user"],
    is_our_element=lambda _: False,
)

# Elasticsearch types as values of JSON.
TEXTS = ("keyword", "constant_keyword", "wildcard", "text", "match_only_text", "ip")
INTEGERS = ("long", "integer", "short", "byte", "unsigned_long")
NUMBERS = ("float", "double", "half_float", "scaled_float")
OBJECTS = ("object", "nested", "flattened")
# What Elasticsearch's date detection takes for a date.
DATE = re.compile(r"\d{4}-\d{2}(-\d{2}(T[0-9:.,Z+-]*)?)?")


@dataclass(frozen=True)
class Field:
    """A field of ECS."""

    sort: str
    is_array: bool


class Schema:
    """The fields of one version of ECS."""

    def __init__(self, path: Path) -> None:
        document = json.loads(path.read_text(encoding="utf-8"))
        self.version: str = document["version"]
        self.fields = {
            name: Field(field["type"], "array" in field["normalize"])
            for name, field in document["fields"].items()
        }
        first = {name.split(".")[0] for name in self.fields}
        # Names with a capital are left to others, whatever a later version adds.
        capitals = sorted(name for name in first if name != name.lower())
        if capitals:
            raise Refused(f"ECS {self.version} has {capitals[0]}, so a capital protects nothing")
        if OWN.lower() in first:
            raise Refused(f"ECS {self.version} has {OWN.lower()}, which readers may fold with {OWN}")

    def leaf(self, name: str, value: Any) -> None:
        """Refuses a value that the field of that name can't have."""
        field = self.fields.get(name)
        if field is None:
            if isinstance(value, dict) and value:
                for inner, one in value.items():
                    self.leaf(f"{name}.{inner}", one)
                return
            raise Refused(f"ECS {self.version} has no field {name}")
        if isinstance(value, list) != field.is_array:
            raise Refused(f"{name} is {'an array' if field.is_array else 'one value'} in ECS")
        if value == []:
            raise Refused(f"{name} was added with nothing in it")
        for one in value if isinstance(value, list) else [value]:
            if not fits(field.sort, one):
                raise Refused(f"{name} is {field.sort} in ECS, not {shown(one)}")


class Checker:
    """Counts what it has seen."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.events = 0
        self.enriched = 0
        self.standard: set[str] = set()
        # The first value at each path below `Nhi`, and its line.
        self._mapping: dict[str, tuple[str, int]] = {}

    def check(self, pair: Pair) -> None:
        """One event, before and after."""
        self.events += 1
        added = list(additions(pair.before, pair.after, RULES))
        # An envelope holds several events; each has an `Nhi` of its own.
        roots = [addition.steps[:-1] for addition in added if addition.steps[-1] == OWN]
        for addition in added:
            if addition.steps[-1] == OWN:
                if not isinstance(addition.value, dict) or not addition.value:
                    raise Refused(f"{OWN} is {shown(addition.value)}")
                self._same_types(OWN, addition.value, pair.number)
                continue
            name, is_element = field_name(addition.steps, roots)
            value = [addition.value] if is_element else addition.value
            self.schema.leaf(name, value)
            self.standard.add(name)
        self.enriched += bool(roots)

    def summary(self) -> str:
        """One line for a person."""
        return (
            f"ecs: {self.events} events, {self.enriched} enriched; beside {OWN}: "
            f"{', '.join(sorted(self.standard)) or 'nothing'}, as in ECS {self.schema.version}; "
            f"{len(self._mapping)} paths below {OWN}, each of one type"
        )

    def _same_types(self, name: str, value: Any, line: int) -> None:
        """Elasticsearch rejects a document that has another type at a path than the first one had."""
        if isinstance(value, list):
            for one in value:
                self._same_types(name, one, line)
            return
        sort = sort_of(value)
        first, where = self._mapping.setdefault(name, (sort, line))
        if first != sort:
            raise Refused(f"{name} is {sort} here and {first} in line {where}")
        if isinstance(value, dict):
            for inner, one in value.items():
                if "." in inner:
                    raise Refused(f"{name} has a name with a dot, {inner!r}: it would become a path")
                self._same_types(f"{name}.{inner}", one, line)


def field_name(steps: Steps, roots: list[Steps]) -> tuple[str, bool]:
    """The field that an addition belongs to, and whether it is an element of its array."""
    inside = [root for root in roots if steps[: len(root)] == root]
    if not inside:
        raise Refused(f"{dotted(steps)} was added where no {OWN} is")
    rest = steps[len(max(inside, key=len)) :]
    is_element = isinstance(rest[-1], int)
    return dotted(rest[:-1] if is_element else rest), is_element


def fits(sort: str, value: Any) -> bool:
    """Whether a value can be indexed as that type."""
    if sort in TEXTS:
        return isinstance(value, str)
    if sort == "date":
        return isinstance(value, str) and DATE.fullmatch(value) is not None
    if sort == "boolean":
        return isinstance(value, bool)
    if sort in INTEGERS:
        return isinstance(value, int) and not isinstance(value, bool)
    if sort in NUMBERS:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return sort in OBJECTS and isinstance(value, dict)


def sort_of(value: Any) -> str:
    """What Elasticsearch makes of the first value at a path."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a date" if DATE.fullmatch(value) else "a text"
    raise Refused("null says nothing and maps to nothing; leave the member out")


def shown(value: Any) -> str:
    """A value in a message."""
    return json.dumps(value)[:100]
