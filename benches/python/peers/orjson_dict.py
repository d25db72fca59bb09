"""Python: orjson parses, a dict is asked, orjson writes."""

import orjson
from shared import arguments, context, rows, serve

HOW = "lines in memory; orjson.loads, dict.get by ARN, orjson.dumps of each event"

events, table, _ = arguments()
with open(events, "rb") as file:
    LINES = file.read().splitlines()
TABLE = {key: context(values) for key, *values in rows(table)}


def one_pass(path):
    out = []
    for line in LINES:
        event = orjson.loads(line)
        identity = event["userIdentity"]
        session = identity.get("sessionContext")
        arn = session["sessionIssuer"]["arn"] if session else identity["arn"]
        found = TABLE.get(arn)
        if found is not None:
            event["identity"] = found
        out.append(orjson.dumps(event))
    if path:
        with open(path, "wb") as file:
            file.write(b"\n".join(out) + b"\n")


serve("orjson", HOW, orjson.__version__, one_pass)
