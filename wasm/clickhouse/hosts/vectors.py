"""The vectors that every host has to agree with, byte for byte, and how fast the engine is."""

import json
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import lookups
from engine import Database, quoted, strings
from failures import Differs, same

Json = Any
# Rows that are timed, and how often.
ROWS = 100_000
RUNS = 5
# What a module without a snapshot writes into the log.
UNBAKED = "no snapshot is baked into this module"


def lines(path: str) -> list[bytes]:
    """The rows of a file: what stands between line ends; a carriage return belongs to its row."""
    content = Path(path).read_bytes()
    found = content.split(b"\n")
    # The last line has an end of its own.
    return found[:-1] if found[-1] == b"" else found


def check_set(arguments: Json, folder: Path) -> Json:
    """Events in one configuration."""
    name = arguments["name"]
    events, expected = lines(arguments["events"]), lines(arguments["expected"])
    if len(events) != len(expected):
        raise Differs(f"{name}: {len(events)} events and {len(expected)} expected lines")
    database = Database(folder)
    database.add_module("whose", Path(arguments["module"]))
    database.add_rows("events", events, folder)
    statement = "SELECT whose_enrich(event) FROM (SELECT event FROM events ORDER BY n)"
    # In the engine's own blocks, and in blocks of one row.
    for settings in ("", " SETTINGS webassembly_udf_max_input_block_size = 1"):
        found = list(strings(database.bytes(statement + settings, "RowBinary")))
        same(f"{name}: rows", len(found), len(expected))
        for number, (one, wanted) in enumerate(zip(found, expected, strict=True), 1):
            same(f"{name}, line {number} of {arguments['events']}", one, wanted)
    # Lines arrive late and in order: once the line of a module that does write is there, all are.
    database.add_module("unbaked", Path(arguments["empty"]))
    database.bytes("SELECT whose_enrich('{}')")
    if not database.warns(UNBAKED):
        raise Differs(f"{name}: a module without a snapshot wrote nothing into the log")
    written = [line for line in database.log() if UNBAKED not in line]
    if written:
        raise Differs(f"{name}: the module wrote into the log: {written[0]}")
    return {"rows": len(events)}


def check_lookups(arguments: Json, folder: Path) -> Json:
    """Keys: the whole answer, and each of its fields."""
    database = Database(folder)
    database.add_module("whose", Path(arguments["module"]))

    def asked(key: str, field: str) -> str:
        statement = f"SELECT whose_lookup({quoted(key)}, {quoted(field)})"
        (answer,) = strings(database.bytes(statement, "RowBinary"))
        return answer.decode()

    for one in arguments["lookups"]:
        key = one["key"]
        answer = json.loads(asked(key, ""))
        if "code" in one:
            same(f"{key}: code", answer.get("code"), one["code"])
            same(f"{key}: outcome", asked(key, "outcome"), "key_refused")
            same(f"{key}: owner", asked(key, "owner.ref"), "")
            continue
        same(key, answer, one["expected"])
        for field, expected in lookups.fields(one["expected"]).items():
            same(f"{key}, {field}", asked(key, field), expected)
    return {"lookups": len(arguments["lookups"])}


def bench(arguments: Json, folder: Path) -> Json:
    """Events a second on one thread, and the memory of the whole process."""
    database = Database(folder)
    database.add_module("whose", Path(arguments["module"]))
    events = lines(arguments["events"])
    repeated = (events[number % len(events)] for number in range(max(ROWS, len(events))))
    database.add_rows("events", repeated, folder)
    rows = int(database.text("SELECT count() FROM events"))
    statement = "SELECT sum(length(whose_enrich(event))) FROM events SETTINGS max_threads = 1"
    times = timed(database, statement)
    return {
        "version": database.text("SELECT version()"),
        "events_per_second": round(rows / statistics.median(times)),
        "memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def timed(database: Database, statement: str, runs: int = RUNS) -> list[float]:
    """Seconds of processor time that a statement takes, after one run that is not counted.

    What else the machine does counts less than by the clock; the statements run on one thread.
    """
    database.bytes(statement)
    times = []
    for _ in range(runs):
        begun = time.process_time()
        database.bytes(statement)
        times.append(time.process_time() - begun)
    return times
