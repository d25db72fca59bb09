"""OCSF: an enriched event is still valid by the schema that its own version publishes."""

from collections import Counter
from typing import Any

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from pairs import Pair, Refused, Rules, additions, dotted

# Integers up to here are the same in every JSON reader, and more than this is in milliseconds.
MOST, LEAST = 2**53, 10**11
# What an enrichment names when its key was put together from several attributes.
ROLES = ("actor", "effective", "delegator", "via", "target")


# Attributes that are written on demand; the schema says in which classes and profiles they may stand.
HOMES = (("assignee",), ("assignee_group",))


def is_our_enrichment(element: Any) -> bool:
    """Whether an enrichment claims to be this product's."""
    return isinstance(element, dict) and str(element.get("provider", "")).startswith("whose/")


RULES = Rules(
    is_ours=lambda name: name == "whose",
    grows=lambda steps: steps[-1:] == ("enrichments",),
    is_our_element=is_our_enrichment,
)


class Checker:
    """Counts what it has seen."""

    def __init__(self) -> None:
        self.events = 0
        self.enriched = 0
        self.enrichments = 0
        self.versions: Counter[str] = Counter()
        self._schemas: dict[str, OcsfJsonSchemaEmbedded] = {}

    def check(self, pair: Pair) -> None:
        """One event, before and after."""
        self.events += 1
        version = self._validate(pair.before, "before enrichment")
        self.versions[version] += 1
        self._validate(pair.after, "enriched")
        found = 0
        for addition in additions(pair.before, pair.after, RULES):
            if addition.steps in HOMES:
                continue
            if addition.steps == ("enrichments",):
                added = addition.value
            elif addition.steps[:-1] == ("enrichments",):
                added = [addition.value]
            else:
                raise Refused(f"{dotted(addition.steps)} was added")
            for enrichment in added:
                self._enrichment(pair.before, enrichment)
                found += 1
        self.enrichments += found
        self.enriched += found > 0

    def summary(self) -> str:
        """One line for a person."""
        versions = ", ".join(sorted(self.versions))
        return (
            f"ocsf: {self.events} events valid before and after, by OCSF {versions}; "
            f"{self.enriched} enriched, {self.enrichments} enrichments"
        )

    def _validate(self, event: dict[str, Any], when: str) -> str:
        """Returns the version by which the event is valid."""
        metadata = event.get("metadata", {})
        version, profiles = metadata.get("version", ""), metadata.get("profiles", [])
        schema = self._schema(version, event.get("class_uid", -1), profiles)
        errors = Draft202012Validator(schema).iter_errors(event)
        for error in sorted(errors, key=lambda error: error.json_path):
            raise Refused(f"{when}, OCSF {version}: {error.json_path}: {error.message[:300]}")
        return str(version)

    def _schema(self, version: str, class_uid: int, profiles: list[str]) -> dict[str, Any]:
        schemas = self._of_version(version)
        name = schemas.lookup_class_name_from_uid(class_uid)
        schema: dict[str, Any] = schemas.get_class_schema(name, profiles)
        return schema

    def _of_version(self, version: str) -> OcsfJsonSchemaEmbedded:
        if version not in self._schemas:
            self._schemas[version] = OcsfJsonSchemaEmbedded(get_ocsf_schema(version))
        return self._schemas[version]

    def _enrichment(self, event: dict[str, Any], enrichment: dict[str, Any]) -> None:
        """What the schema does not say: the values that this project promises."""
        name = enrichment["name"]
        if enrichment.get("type") != "nhi":
            raise Refused(f"type of an enrichment is {enrichment.get('type')!r}, not 'nhi'")
        provider = enrichment.get("provider", "")
        if not provider.startswith("whose/") or provider == "whose/":
            raise Refused(f"provider {provider!r} is not whose/ and the id of a snapshot")
        created = enrichment.get("created_time")
        if created is not None and not LEAST < created < MOST:
            raise Refused(f"created_time {created} is not in milliseconds")
        if not isinstance(enrichment["data"], dict) or "outcome" not in enrichment["data"]:
            raise Refused("data of an enrichment has no outcome")
        # `name`: "the name of the attribute to which the enriched data pertains", `value`: its value.
        if name in ROLES:
            return
        value = value_at(event, name)
        if value is None:
            raise Refused(f"the event has no {name}, which an enrichment names")
        if enrichment["value"].casefold() not in str(value).casefold():
            raise Refused(f"value {enrichment['value']!r} is not what the event has at {name}")


def value_at(event: Any, path: str) -> Any:
    """The value at a path whose steps are joined by dots; a number is an index in an array."""
    for step in path.split("."):
        if isinstance(event, list) and step.isdigit() and int(step) < len(event):
            event = event[int(step)]
        elif isinstance(event, dict) and step in event:
            event = event[step]
        else:
            return None
    return event
