"""ClickHouse through chDB: a dictionary in memory, asked by ARN."""

import json
import pathlib

from chdb import session
from shared import arguments, context, rows, serve
import chdb

HOW = (
    "events in a table of engine Memory, max_threads = 1; dictGetOrNull of a COMPLEX_KEY_HASHED dictionary by the ARN out of "
    "JSONExtractString, the context put before the event's last brace as text; sum(length()) of the result, so that nothing is written"
)
KEY = """if(JSONHas(event, 'userIdentity', 'sessionContext', 'sessionIssuer'),
    JSONExtractString(event, 'userIdentity', 'sessionContext', 'sessionIssuer', 'arn'),
    JSONExtractString(event, 'userIdentity', 'arn'))"""
ENRICHED = f"""(SELECT event, dictGet('contexts', 'context', {KEY}) AS found FROM events SETTINGS max_threads = 1)"""
LINE = """if(found = '', event, concat(substring(event, 1, length(event) - 1), ',"identity":', found, '}'))"""

events, table, folder = arguments()
DATABASE = session.Session(f"{folder}/database")


def ask(statement, form="TSV"):
    return bytes(DATABASE.query(statement, form).bytes())


with open(f"{folder}/contexts.ndjson", "w", encoding="utf-8") as file:
    for key, *values in rows(table):
        file.write(json.dumps({"key": key, "context": json.dumps(context(values), separators=(",", ":"))}) + "\n")
for statement in (
    "DROP DICTIONARY IF EXISTS contexts",
    "DROP TABLE IF EXISTS source",
    "DROP TABLE IF EXISTS events",
    "CREATE TABLE source (key String, context String) ENGINE = MergeTree ORDER BY key",
    f"INSERT INTO source SELECT key, context FROM file('{folder}/contexts.ndjson', 'JSONEachRow', 'key String, context String')",
    "CREATE DICTIONARY contexts (key String, context String) PRIMARY KEY key SOURCE(CLICKHOUSE(TABLE 'source')) "
    "LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)",
    "CREATE TABLE events (event String) ENGINE = Memory",
    f"INSERT INTO events SELECT * FROM file('{events}', 'LineAsString') SETTINGS max_threads = 1",
    "SELECT dictGet('contexts', 'context', 'load it')",
):
    ask(statement)


def one_pass(path):
    if path:
        pathlib.Path(path).write_bytes(ask(f"SELECT {LINE} FROM {ENRICHED}", "TSVRaw"))
    else:
        ask(f"SELECT sum(length({LINE})) FROM {ENRICHED}")


serve("ClickHouse", HOW, ask("SELECT version()").decode().strip() + f" (chDB {chdb.__version__})", one_pass)
