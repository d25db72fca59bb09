"""DuckDB: a left join of the events with the table, which it does by hashing the table."""

import duckdb
from shared import arguments, context, rows, serve
import json

HOW = (
    "events and contexts in tables in memory, one thread; CREATE TABLE AS SELECT of a LEFT JOIN on the ARN out of "
    "json_extract_string, the context put before the event's last brace as text"
)
# One walk over the document for both paths.
QUERY = """
CREATE OR REPLACE TABLE enriched AS
WITH found AS (SELECT n, line, json_extract_string(line, ['$.userIdentity.sessionContext.sessionIssuer.arn', '$.userIdentity.arn']) AS arns FROM events)
SELECT n, CASE WHEN context IS NULL THEN line ELSE left(line, length(line) - 1) || ',"identity":' || context || '}' END AS line
FROM found LEFT JOIN identities ON identities.key = coalesce(arns[1], arns[2])
"""

events, table, folder = arguments()
DATABASE = duckdb.connect()
DATABASE.execute("SET threads = 1; SET preserve_insertion_order = false")
with open(f"{folder}/contexts.ndjson", "w", encoding="utf-8") as file:
    for key, *values in rows(table):
        file.write(json.dumps({"key": key, "context": json.dumps(context(values), separators=(",", ":"))}) + "\n")
DATABASE.execute(
    f"CREATE TABLE identities AS SELECT key, context FROM read_json('{folder}/contexts.ndjson', format = 'newline_delimited', "
    "columns = {key: 'VARCHAR', context: 'VARCHAR'})"
)
with open(events, encoding="utf-8") as file:
    LINES = file.read().splitlines()
with open(f"{folder}/events.ndjson", "w", encoding="utf-8") as file:
    for number, line in enumerate(LINES):
        file.write(json.dumps({"n": number, "line": line}) + "\n")
DATABASE.execute(
    f"CREATE TABLE events AS SELECT n, line FROM read_json('{folder}/events.ndjson', format = 'newline_delimited', "
    "columns = {n: 'BIGINT', line: 'VARCHAR'})"
)


def one_pass(path):
    DATABASE.execute(QUERY)
    if path:
        lines = DATABASE.execute("SELECT line FROM enriched ORDER BY n").fetchall()
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for (line,) in lines)


serve("DuckDB", HOW, duckdb.__version__, one_pass)
