"""The same question, asked of the functions and of a ClickHouse dictionary, over the same rows."""

import csv
import json
import statistics
import subprocess
from pathlib import Path
from typing import Any

import lookups
from engine import Database, strings
from failures import Differs, same
from vectors import lines, timed

Json = Any
# Who acted: the role behind a session, else the user.
ARN = """if(JSONHas(event, 'userIdentity', 'sessionContext', 'sessionIssuer'),
    JSONExtractString(event, 'userIdentity', 'sessionContext', 'sessionIssuer', 'arn'),
    JSONExtractString(event, 'userIdentity', 'arn'))"""
DICTIONARY = """
CREATE DICTIONARY owners (arn String, owner String) PRIMARY KEY arn
    SOURCE(CLICKHOUSE(TABLE 'owners_source')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)
"""
BY_DICTIONARY = "dictGet('owners', 'owner', arn)"
BY_LOOKUP = "whose_lookup(concat('aws_arn:', arn), 'owner.ref')"
BY_EVENT = "JSONExtractString(whose_enrich(event), 'whose', 'identities', 1, 'owner', 'ref')"
TIMED = (
    ("reading the events", "length(event)"),
    ("the ARN out of the event", f"length({ARN})"),
    ("owner by dictionary, ARN out of the event", f"length({BY_DICTIONARY.replace('arn)', ARN + ')')})"),
    ("owner by whose_lookup, ARN out of the event", f"length({BY_LOOKUP.replace('arn)', ARN + ')', 1)})"),
    ("owner by dictionary, ARN in a column", f"length({BY_DICTIONARY})"),
    ("owner by whose_lookup, ARN in a column", f"length({BY_LOOKUP})"),
    ("owner by whose_lookup, ARN in a column of LowCardinality",
     "length(whose_lookup(concat('aws_arn:', low), 'owner.ref'))"),
    ("whole context by whose_enrich", "length(whose_enrich(event))"),
    ("owner out of whose_enrich", f"length({BY_EVENT})"),
)


def owner_of(arn: str, whose: str, snapshot: str) -> str:
    """What `whose lookup` says of an ARN."""
    command = [whose, "lookup", f"aws_arn:{arn}", "--native", "--json", "--snapshot", snapshot]
    done = subprocess.run(command, capture_output=True, timeout=30)
    if not done.stdout:
        # Not a key, such as the ARN of a session.
        return ""
    return lookups.fields(json.loads(done.stdout)).get("owner.ref", "")


def compare(arguments: Json, folder: Path) -> Json:
    """Both ways give the same; how many rows a second each takes on one thread."""
    database = Database(folder)
    database.add_module("whose", Path(arguments["module"]))
    events = lines(arguments["events"])
    rows = max(arguments["rows"], len(events))
    database.add_rows("raw", (events[number % len(events)] for number in range(rows)), folder)
    database.bytes(
        "CREATE TABLE events ENGINE = Memory AS "
        f"SELECT n, event, {ARN} AS arn, toLowCardinality(arn) AS low FROM raw"
    )
    database.bytes("DROP TABLE raw")

    answer = database.bytes("SELECT DISTINCT arn FROM events WHERE arn != ''", "RowBinary")
    arns = [arn.decode() for arn in strings(answer)]
    owned = {arn: owner_of(arn, arguments["whose"], arguments["snapshot"]) for arn in arns}
    with (folder / "owners.csv").open("w", newline="") as file:
        csv.writer(file).writerows((arn, owner) for arn, owner in owned.items() if owner)
    database.bytes(
        "CREATE TABLE owners_source ENGINE = MergeTree ORDER BY arn AS SELECT * FROM "
        f"file('{folder / 'owners.csv'}', 'CSV', 'arn String, owner String')"
    )
    database.bytes(DICTIONARY)
    differ = database.text(f"SELECT countIf({BY_DICTIONARY} != {BY_LOOKUP}) FROM events")
    same("rows in which dictionary and whose_lookup differ", differ, "0")
    found = int(database.text(f"SELECT countIf({BY_DICTIONARY} != '') FROM events"))
    if not found:
        raise Differs("no event's ARN has an owner in the dictionary")
    other = database.text(
        f"""SELECT count(), JSONExtractString(whose_enrich(event), 'whose', 'identities', 1, 'outcome') AS o,
        {BY_DICTIONARY} = '' FROM events WHERE {BY_DICTIONARY} != {BY_EVENT} GROUP BY ALL ORDER BY ALL"""
    )

    table = []
    for name, expression in TIMED:
        statement = f"SELECT sum({expression}) FROM events SETTINGS max_threads = 1"
        times = timed(database, statement, arguments["runs"])
        middle = statistics.median(times)
        table.append((name, rows / middle, rows / max(times), rows / min(times)))
    width = max(len(name) for name, *_ in table)
    text = [f"{rows} rows, {len(set(events))} distinct events, {len(arns)} ARNs, {found} rows with an owner"]
    text += [f"{name:<{width}}  {middle:>12,.0f} rows/s  ({low:,.0f} to {high:,.0f})" for name, middle, low, high in table]
    return {
        "table": "\n".join(text),
        "rows": rows,
        "distinct_events": len(set(events)),
        "differs_from_context": other.splitlines(),
        "rows_per_second": {name: round(middle) for name, middle, *_ in table},
    }
