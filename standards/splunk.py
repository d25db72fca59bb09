"""Splunk: what is added is flat, and a field is about `user` or `src_user`, or begins with `nhi_`."""

import json
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from pairs import Pair, Refused, Rules, additions, dotted

CUSTOM = re.compile(r"nhi_[a-z][a-z0-9_]*")
RULES = Rules(
    is_ours=lambda name: name == "whose" or CUSTOM.fullmatch(name) is not None,
    grows=lambda _: False,
    is_our_element=lambda _: False,
)

# Columns of Splunk Enterprise Security's identity lookup (docs.splunk.com, "Format an asset or
# identity list as a lookup", ES 8.0). Its identity correlation compares `user` and `src_user` and
# adds the columns with that prefix. No package carries them.
PREFIXES = ("user_", "src_user_")
COLUMNS = frozenset(
    "identity prefix nick first last suffix email phone phone2 managedBy priority bunit category "
    "watchlist startDate endDate work_city work_country work_lat work_long".split()
)
PRIORITIES = ("unknown", "low", "medium", "high", "critical")
# Longest value of a column; of a list, longest part.
LONGEST = 975


def cim_fields() -> dict[str, frozenset[str]]:
    """The fields of each model of the Common Information Model, and those that correlation adds."""
    # Read as files: importing the package would want all that its tests need.
    package = Path(str(distribution("pytest-splunk-addon").locate_file("pytest_splunk_addon")))
    models = {
        path.stem: frozenset(names(json.loads(path.read_text(encoding="utf-8"))))
        for path in sorted((package / "data_models").glob("*.json"))
    }
    common = json.loads((package / "cim_tests/CommonFields.json").read_text(encoding="utf-8"))
    models["CommonFields"] = frozenset(field["name"] for field in common["fields"])
    return models


def names(node: Any) -> list[str]:
    """The names in all lists of fields of a model."""
    if isinstance(node, list):
        return [name for one in node for name in names(one)]
    if not isinstance(node, dict):
        return []
    own = [field["name"] for field in node.get("fields", [])]
    inner = [*node.get("objects", []), *node.get("child_dataset", [])]
    return own + names(inner)


class Checker:
    """Counts what it has seen."""

    def __init__(self) -> None:
        models = cim_fields()
        self.cim = frozenset().union(*models.values())
        # Where these are missing, the package has changed its form.
        if not {"user", "src_user"} <= self.cim or "user_priority" not in models["CommonFields"]:
            raise Refused("the package's data models were not understood")
        self.events = 0
        self.enriched = 0
        self.standard: set[str] = set()
        self.identity: set[str] = set()
        self.custom: set[str] = set()

    def check(self, pair: Pair) -> None:
        """One event, before and after."""
        self.events += 1
        added = list(additions(pair.before, pair.after, RULES))
        # An envelope holds several events; each has fields of its own.
        roots = {addition.steps[:-1] for addition in added if addition.steps[-1] == "nhi_outcome"}
        for addition in added:
            name = addition.steps[-1]
            if addition.steps[:-1] not in roots or not isinstance(name, str):
                raise Refused(f"{dotted(addition.steps)} is not at the top of an event")
            self._field(name, addition.value)
        self.enriched += bool(roots)

    def summary(self) -> str:
        """One line for a person."""
        return (
            f"splunk: {self.events} events, {self.enriched} enriched; fields of CIM: "
            f"{', '.join(sorted(self.standard)) or 'none'}; of the identity lookup: "
            f"{', '.join(sorted(self.identity)) or 'none'}; {len(self.custom)} begin with nhi_"
        )

    def _field(self, name: str, value: Any) -> None:
        if isinstance(value, (dict, list)) or value is None:
            # Of an array Splunk would make a field `NAME{}`, of an object `NAME.MEMBER`.
            raise Refused(f"{name} is {json.dumps(value)[:100]}, not one value")
        if CUSTOM.fullmatch(name):
            if name in self.cim:
                raise Refused(f"{name} is a field of CIM")
            self.custom.add(name)
            return
        if not name.startswith(PREFIXES):
            raise Refused(f"{name} is about neither user nor src_user")
        if name in self.cim:
            self.standard.add(name)
        elif column_of(name) is not None:
            self.identity.add(name)
        else:
            raise Refused(f"{name} is no field of CIM nor of the identity lookup")
        self._standard(name, value)

    def _standard(self, name: str, value: Any) -> None:
        if not isinstance(value, str):
            raise Refused(f"{name} is {json.dumps(value)}, not a text")
        column = column_of(name)
        parts = value.split("|")
        if any(part != part.strip() or not part or len(part) > LONGEST for part in parts):
            raise Refused(f"{name} has a part that is empty, padded or over {LONGEST} characters")
        if len(parts) > 1 and column not in ("identity", "category"):
            raise Refused(f"{name} is a list, which the lookup does not expect")
        if column == "priority" and value not in PRIORITIES:
            raise Refused(f"{name} is {value!r}, not one of {', '.join(PRIORITIES)}")
        if column == "watchlist" and value != "true":
            raise Refused(f"{name} is {value!r}, not 'true'")
        if column in ("startDate", "endDate") and not re.fullmatch(r"-?\d+", value):
            raise Refused(f"{name} is {value!r}, not seconds since 1970")


def column_of(name: str) -> str | None:
    """The column of the identity lookup that a field comes from."""
    for prefix in PREFIXES:
        if name.startswith(prefix) and name.removeprefix(prefix) in COLUMNS:
            return name.removeprefix(prefix)
    return None
