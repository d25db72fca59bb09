"""Runs the shared vectors through `filter_wasm` itself: Fluent Bit 4.2.2, as it is linked into Tenzir.

usage: filter_wasm.py VECTORS MODULE PROGRAMS

Tenzir has no way to name a filter, so a debugger does it: gdb stops where Tenzir starts Fluent Bit, and
calls Fluent Bit's own flb_filter and flb_output there. Input (tail), parser, filter and output (file) are
Fluent Bit's. The filter's settings are those of the blocks in docs/hosts/fluent-bit.md. Needs gdb and the
right to trace a process of one's own. Prints one line of JSON.
"""

import json
import pathlib
import re
import sys
import tempfile
import time

from shared import Wrong, block, environment, main, records, replaced, run

PAGE = "fluent-bit.md"
# By the paths that the interpreter's packages are in; the program itself is no Python.
ENGINE = next(pathlib.Path(sys.prefix).glob("lib/python*/site-packages/tenzir/bundled/libexec/tenzir-engine"), None)
SECONDS = 240

PIPELINE = """
from_fluent_bit "tail", options={{path: "{folder}/in.log", read_from_head: "true", tag: "audit", parser: "json",
  buffer_chunk_size: "4M", buffer_max_size: "16M"}}, fluent_bit_options={{parsers_file: "{folder}/parsers.conf", flush: "1"}}
head {count}
write_ndjson
"""
PARSERS = "[PARSER]\n    Name json\n    Format json\n"
COMMANDS = """
set pagination off
set confirm off
set debuginfod enabled off
handle SIGPIPE SIGUSR1 SIGUSR2 nostop noprint pass
break *flb_start
run -f {folder}/pipeline.tql > {folder}/tenzir.out 2> {folder}/tenzir.err
set $ctx = (void*)$rdi
set $filter = ((int(*)(void*,char*,void*))flb_filter)($ctx, "wasm", (void*)0)
set $set = ((int(*)(void*,int,...))flb_filter_set)($ctx, $filter, {filter}, (void*)0)
set $output = ((int(*)(void*,char*,void*))flb_output)($ctx, "file", (void*)0)
set $also = ((int(*)(void*,int,...))flb_output_set)($ctx, $output, "match", "*", "path", "{folder}", "file", "out.log", "format", "plain", (void*)0)
printf "settings %d %d %d %d\\n", $filter, $set, $output, $also
delete
continue
"""


def settings(page_block, places):
    """The settings of the one filter in a block of YAML, as they stand there."""
    text = replaced(page_block, places)
    found = re.search(r"filters:\n((?: +.*\n)+?)(?: *outputs:|\Z)", text)
    pairs = re.findall(r"^[ -]+([a-z_]+): *'?\"?([^'\"\n]+?)'?\"?$", found[1], re.MULTILINE) if found else []
    settings = dict(pairs)
    if settings.pop("name", None) != "wasm" or not {"wasm_path", "function_name"} <= settings.keys():
        raise Wrong(f"no filter `wasm` in the block: {settings}")
    return settings


def run_filter(folder, filter_settings, events):
    """What Fluent Bit writes for these records, and its log."""
    (folder / "in.log").write_bytes(b"".join(event + b"\n" for event in events))
    (folder / "parsers.conf").write_text(PARSERS)
    (folder / "pipeline.tql").write_text(PIPELINE.format(folder=folder, count=len(events)))
    (folder / "out.log").unlink(missing_ok=True)
    words = ", ".join(f'"{word}"' for pair in filter_settings.items() for word in pair)
    (folder / "commands.gdb").write_text(COMMANDS.format(folder=folder, filter=words))
    out, err = run(["gdb", "--readnever", "-nx", "-batch", "-x", folder / "commands.gdb", ENGINE], SECONDS,
                   cwd=folder, env=environment(folder))
    log = (folder / "tenzir.err").read_text(encoding="utf-8", errors="replace")
    told = re.search(rb"settings (-?\d+) (-?\d+) (-?\d+) (-?\d+)", out)
    if not told or told[2] != b"0" or told[4] != b"0":
        raise Wrong(f"the debugger could not add the filter: {out[-1500:]!r} {err[-1500:]} {log[-1500:]}")
    file = folder / "out.log"
    return [json.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else [], log


def survives(line):
    """Whether Fluent Bit's own JSON and MessagePack give a record back as it was, filter or none."""
    return b"\\ud800" not in line and b"\\u0000" not in line and len(line.strip()) > 2


def check(arguments):
    vectors, module, programs = (pathlib.Path(argument).resolve() for argument in arguments)
    if ENGINE is None:
        raise Wrong("Tenzir is not installed for this interpreter")
    manifest = json.loads((vectors / "manifest.json").read_text(encoding="utf-8"))
    sets = {of["name"]: of for of in manifest["sets"]}
    count = 0
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        for name, is_baked in [("native-standard", False), ("native-full", True)]:
            of = sets[name]
            pairs = [pair for pair in records(vectors, of) if survives(pair[0])]
            for file in ["snapshot.whose", "whose.json"]:
                (folder / file).unlink(missing_ok=True)
            (folder / "config.json").write_text(json.dumps(of["config"]))
            if is_baked:
                baked = folder / "baked.wasm"
                run([programs / "whose-snapshot", "bake", "--module", module, "--config", folder / "config.json",
                     "--out", baked, vectors / manifest["snapshot"]], 120)
                filter_settings = settings(block(PAGE, "yaml", "whose-baked.wasm"), {"/opt/whose/whose-baked.wasm": baked})
            else:
                (folder / "snapshot.whose").write_bytes((vectors / manifest["snapshot"]).read_bytes())
                (folder / "config.json").rename(folder / "whose.json")
                filter_settings = settings(block(PAGE, "yaml", "whose-fluent-bit.wasm"), {
                    "/opt/whose/whose-fluent-bit.wasm": module, "/var/lib/whose": folder})
            begun = time.monotonic()
            got, log = run_filter(folder, filter_settings, [event for event, _ in pairs])
            took = time.monotonic() - begun
            if "ready: " not in log:
                raise Wrong(f"{name}: the filter is not ready: {log[-2000:]}")
            if len(got) != len(pairs):
                raise Wrong(f"{name}: {len(pairs)} records in, {len(got)} out: {log[-2000:]}")
            for number, ((_, expected), record) in enumerate(zip(pairs, got), 1):
                wanted = json.loads(expected)
                if wanted != record:
                    raise Wrong(f"{name}, record {number}:\n  natively {wanted}\n  here     {record}")
            count += len(pairs)
    return {"host": "Fluent Bit 4.2.2 filter_wasm, by gdb in Tenzir", "version": "4.2.2", "vectors": count,
            "events_per_second": round(len(pairs) / took), "memory_bytes": 0}


if __name__ == "__main__":
    main(check)
