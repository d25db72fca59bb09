"""Executes the SQL of docs/hosts/clickhouse.md in its order and compares what the page shows."""

import re
import shutil
from pathlib import Path
from typing import Any

from engine import Database, Refused, split
from failures import Differs, same

Json = Any
# Files that the page names, in the folder in which its statements run.
MODULES = ("whose-41.wasm", "whose-42.wasm")
EVENTS = "events.ndjson"
BLOCK = re.compile(r"^```(sql|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# How the page shows results.
FORM = "PrettyCompactMonoBlock"
SHOWN = "SET output_format_pretty_row_numbers = 0, output_format_pretty_color = 0, output_format_pretty_max_value_width = 60"


def execute(arguments: Json, folder: Path) -> Json:
    """Every block marked `sql`; a block marked `text` after it is what its last statement answers."""
    document = Path(arguments["document"])
    for name, path in arguments["modules"].items():
        shutil.copyfile(path, folder / name)
    shutil.copyfile(arguments["events"], folder / EVENTS)
    database = Database(folder)
    database.bytes(SHOWN)
    statements = results = 0
    answer = ""
    for kind, content in BLOCK.findall(document.read_text()):
        if kind == "text":
            same(f"{document}, after statement {statements}", answer.strip(), content.strip())
            results += 1
            continue
        for statement in split(content):
            statements += 1
            try:
                answer = database.text(statement, FORM)
            except Refused as error:
                # A page may show what is refused.
                answer = str(error)
                if "-- refused" not in statement:
                    raise Differs(f"{document}, statement {statements}: {statement}\n{error}") from error
            else:
                if "-- refused" in statement:
                    raise Differs(f"{document}, statement {statements} is not refused: {statement}")
    if not statements or not results:
        raise Differs(f"{document} has {statements} statements and {results} results")
    return {"statements": statements, "results": results}
