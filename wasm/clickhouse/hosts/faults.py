"""What goes wrong, how it is told, and that events flow all the same."""

from pathlib import Path
from typing import Any

from engine import FUNCTIONS, Database, Refused, strings
from failures import Differs, same
from vectors import UNBAKED, lines

Json = Any
PRETTY = """{
  "eventSource": "s3.amazonaws.com",
  "eventName": "X",
  "userIdentity": {},
  "whose": 1
}"""


def check(arguments: Json, folder: Path) -> Json:
    """Every check, in one database."""
    database = Database(folder)
    events = lines(arguments["events"])[:100]
    database.add_rows("events", events, folder)
    baked = Path(arguments["baked"]).read_bytes()
    snapshot = Path(arguments["snapshot"]).read_bytes()
    checks = (
        ("no snapshot", lambda: no_snapshot(database, arguments, events)),
        ("refused", lambda: refused(database, changed(baked, snapshot, 96), folder, events)),
        ("damaged", lambda: damaged(database, changed(baked, snapshot, len(snapshot) // 2), folder, events)),
        ("too large", lambda: too_large(database, arguments)),
        ("rows", lambda: rows(database)),
        ("types", lambda: types(database)),
        ("fields", lambda: fields(database)),
        ("declarations", lambda: declarations(database)),
    )
    for _, one in checks:
        one()
    return {"checks": [name for name, _ in checks]}


def unchanged(database: Database, events: list[bytes]) -> None:
    """Every event leaves as it came."""
    out = strings(database.bytes("SELECT whose_enrich(event) FROM events ORDER BY n", "RowBinary"))
    same("events without context", list(out), events)


def told(database: Database, wanted: str) -> None:
    """A warning in the log says something."""
    if not database.warns(wanted):
        raise Differs(f"the log has no line about {wanted!r}, but {database.log()[-3:]}")


def refusal(database: Database, statement: str, wanted: str) -> str:
    """A statement has to be refused, with these words."""
    try:
        answer = database.text(statement)
    except Refused as error:
        if wanted in str(error):
            return str(error)
        raise Differs(f"`{statement}` is refused with {error}, without {wanted!r}") from error
    raise Differs(f"`{statement}` is not refused, it answers {answer[:200]}")


def no_snapshot(database: Database, arguments: Json, events: list[bytes]) -> None:
    """A module that nothing was baked into."""
    database.add_module("unbaked", Path(arguments["empty"]))
    unchanged(database, events)
    told(database, UNBAKED)
    key = "aws_arn:arn:aws:iam::111122223333:role/x"
    same("outcome", database.text(f"SELECT whose_lookup('{key}', 'outcome')"), "out_of_scope")
    same("snapshots", database.text("SELECT whose_snapshots()"), "[]")


def load(database: Database, name: str, module: bytes, folder: Path) -> None:
    """Loads a module that was changed after it was baked."""
    path = folder / f"{name}.wasm"
    path.write_bytes(module)
    database.add_module(name, path)


def changed(module: bytes, snapshot: bytes, at: int) -> bytes:
    """The module with another bit in its snapshot."""
    start = module.find(snapshot)
    if start < 0:
        raise Differs("the baked module does not hold the snapshot")
    at += start
    return module[:at] + bytes([module[at] ^ 1]) + module[at + 1 :]


def refused(database: Database, broken_module: bytes, folder: Path, events: list[bytes]) -> None:
    """A snapshot whose header was changed."""
    load(database, "refused", broken_module, folder)
    unchanged(database, events)
    told(database, "the snapshot in this module is refused (-")


def damaged(database: Database, broken_module: bytes, folder: Path, events: list[bytes]) -> None:
    """A snapshot whose rows were changed, which shows when they are read."""
    load(database, "damaged", broken_module, folder)
    unchanged(database, events)
    told(database, "the snapshot in this module is damaged")


def too_large(database: Database, arguments: Json) -> None:
    """More memory than a module may have: the engine refuses it, and the raw table is filled."""
    database.add_module("whose", Path(arguments["baked"]))
    limit = "webassembly_udf_max_memory = 1048576"
    refusal(database, f"SELECT whose_enrich('x') SETTINGS {limit}", "exceeds memory limits")
    database.run(
        """
        CREATE TABLE raw (event String) ENGINE = MergeTree ORDER BY tuple();
        CREATE TABLE enriched (event String) ENGINE = MergeTree ORDER BY tuple();
        CREATE MATERIALIZED VIEW into_enriched TO enriched AS SELECT whose_enrich(event) AS event FROM raw;
        """
    )
    insert = "INSERT INTO raw SELECT event FROM events SETTINGS"
    refusal(database, f"{insert} {limit}", "exceeds memory limits")
    database.bytes(f"{insert} {limit}, materialized_views_ignore_errors = 1")
    raw, enriched = (database.text(f"SELECT count() FROM {table}") for table in ("raw", "enriched"))
    if int(raw) < 100 or enriched != "0":
        raise Differs(f"{raw} rows arrived and {enriched} were enriched")
    huge = f"SELECT length(whose_enrich({of_length(80)}))"
    refusal(database, huge, "whose has no memory left for a block of rows; raise webassembly_udf_max_memory")


def of_length(megabytes: int) -> str:
    """A long text; one call of repeat makes a million bytes at most."""
    return f"materialize(repeat(repeat('x', 1000), {megabytes}000))"


def rows(database: Database) -> None:
    """A row is one event, whatever it holds."""
    database.bytes("CREATE TABLE odd (n UInt32, event String) ENGINE = Memory")
    for number, row in enumerate((PRETTY, "", "\n", "not json", "{}\n{}")):
        literal = row.replace("\\", "\\\\").replace("\n", "\\n")
        database.bytes(f"INSERT INTO odd VALUES ({number}, '{literal}')")
    found = strings(database.bytes("SELECT whose_enrich(event) FROM odd ORDER BY n", "RowBinary"))
    pretty, *others = (row.decode() for row in found)
    same("odd rows", others, ["", "\n", "not json", "{}\n{}"])
    # The forged member is gone, the line ends have stayed, and the context is last.
    kept = PRETTY.replace(',\n  "whose": 1', "").removesuffix("}")
    if not pretty.startswith(kept + ',"whose":{"v":1,"outcome":"no_identity"') or not pretty.endswith("}}}"):
        raise Differs(f"a pretty-printed event became {pretty}")
    long = database.text(f"SELECT length(whose_enrich({of_length(17)}))")
    same("a row of 17 MB", long, "17000000")
    long = database.text(f"SELECT length(whose_enrich({of_length(35)}))")
    same("a row of 35 MB", long, "35000000")
    # With their contexts these are more than the memory holds, or more than a line may become.
    for events in (10_000, 60_000):
        event = '{"eventVersion":"1.11","eventName":"X","userIdentity":{"type":"IAMUser","userName":"x"}}'
        envelope = f"""concat('{{"Records":[', arrayStringConcat(arrayWithConstant({events}, '{event}'), ','), ']}}')"""
        grown = database.text(f"SELECT length(whose_enrich(materialize({envelope}))) >= {events} * {len(event)}")
        same(f"an envelope of {events} events", grown, "1")
    same("no rows", database.text("SELECT whose_enrich(event) FROM events WHERE n > 1000000"), "")


def types(database: Database) -> None:
    """What ClickHouse does with columns of other types."""
    key = "'aws_arn:arn:aws:iam::111122223333:role/x'"
    for expression, expected in (
        (f"whose_lookup(toNullable({key}), 'outcome')", "not_found"),
        (f"whose_lookup(toLowCardinality({key}), 'outcome')", "not_found"),
        (f"whose_lookup(materialize(toLowCardinality({key})), 'outcome')", "not_found"),
        ("whose_lookup(CAST(NULL AS Nullable(String)), 'outcome')", "\\N"),
        (f"whose_lookup(materialize({key}), materialize('outcome'))", "not_found"),
        ("whose_enrich(CAST('{}' AS Nullable(String)))", "{}"),
    ):
        same(expression, database.text(f"SELECT {expression}"), expected)
    for expression in (
        "whose_enrich(toFixedString('{}', 2))",
        "whose_enrich(CAST('{}' AS JSON))",
        "whose_enrich(CAST('a' AS Enum8('a' = 1)))",
    ):
        refusal(database, f"SELECT {expression}", "Illegal type of arguments, expected (String)")


def fields(database: Database) -> None:
    """A key that is none is an outcome; a name that is no field's ends the query."""
    keys = "SELECT arrayJoin(['', 'nonsense', 'aws_arn:arn:aws:iam::111122223333:role/x']) AS key"
    found = database.text(f"SELECT whose_lookup(key, 'outcome') FROM ({keys})")
    same("outcomes", found.split("\n"), ["key_refused", "key_refused", "not_found"])
    refusal(
        database,
        "SELECT whose_lookup('x', 'owner.reff')",
        'whose_lookup knows no field "owner.reff"; ',
    )


def declarations(database: Database) -> None:
    """Functions that were made otherwise than the page says."""
    make = FUNCTIONS.format(module="whose").split(";\n")[0].strip()
    make = make.replace("FROM 'whose'", "FROM 'whose' :: 'whose_enrich'")
    for name, right, wrong, call in (
        ("wrong_arguments", "(event String)", "(event String, more String)", "('a', 'b')"),
        ("wrong_format", "'RowBinary'", "'MsgPack'", "('abc')"),
    ):
        made = make.replace("FUNCTION whose_enrich", f"FUNCTION {name}").replace(right, wrong)
        database.bytes(made)
        refusal(database, f"SELECT {name}{call}", "is not RowBinary of as many String arguments")
