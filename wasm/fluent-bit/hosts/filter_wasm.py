"""Runs the shared vectors through `filter_wasm` itself: Fluent Bit 4.2.2, as it is linked into Tenzir.

usage: filter_wasm.py VECTORS MODULE PROGRAMS

Tenzir has no way to name a filter, so a debugger does it: gdb stops where Tenzir starts Fluent Bit, and
calls Fluent Bit's own flb_filter and flb_output there. Input (tail), parser, filter and output (file) are
Fluent Bit's. The filter's settings are those of the blocks in docs/hosts/fluent-bit.md. Needs gdb, the
right to trace a process of one's own, and x86-64, whose registers it reads. Prints one line of JSON.
"""

import json
import pathlib
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

from shared import Wrong, block, end, environment, in_quotes, main, records, replaced, run

PAGE = "fluent-bit.md"
# By the paths that the interpreter's packages are in; the program itself is no Python.
ENGINE = next(pathlib.Path(sys.prefix).glob("lib/python*/site-packages/tenzir/bundled/libexec/tenzir-engine"), None)
GDB = shutil.which("gdb")
SECONDS = 240
ALTOGETHER = 900

PIPELINE = """
from_fluent_bit "tail", options={{path: "{folder}/in.log", read_from_head: "true", tag: "audit", parser: "json",
  buffer_chunk_size: "4M", buffer_max_size: "16M"}}, fluent_bit_options={{parsers_file: "{folder}/parsers.conf", flush: "1"}}
discard
"""
PARSERS = "[PARSER]\n    Name json\n    Format json\n"
COMMANDS = """
set pagination off
set confirm off
set debuginfod enabled off
handle SIGPIPE SIGUSR1 SIGUSR2 nostop noprint pass
break *flb_start
run -f {pipeline} > {out} 2> {err}
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
    """What Fluent Bit writes for these records, the time from the filter's start to the last, and Tenzir's memory."""
    (folder / "in.log").write_bytes(b"".join(event + b"\n" for event in events))
    (folder / "parsers.conf").write_text(PARSERS)
    (folder / "pipeline.tql").write_text(PIPELINE.format(folder=in_quotes(folder)))
    (folder / "out.log").unlink(missing_ok=True)
    words = ", ".join(f'"{in_quotes(word)}"' for pair in filter_settings.items() for word in pair)
    # Words of the shell by which gdb starts a program.
    files = {name: shlex.quote(str(folder / file)) for name, file in
             [("pipeline", "pipeline.tql"), ("out", "tenzir.out"), ("err", "tenzir.err")]}
    (folder / "commands.gdb").write_text(COMMANDS.format(folder=in_quotes(folder), filter=words, **files))
    file = folder / "out.log"
    log, tenzir_log = folder / "gdb.log", folder / "tenzir.err"
    tenzir_log.unlink(missing_ok=True)
    with open(log, "wb") as into:
        gdb = subprocess.Popen([GDB, "--readnever", "-nx", "-batch", "-x", folder / "commands.gdb", ENGINE], cwd=folder,
                               env=environment(folder, GDB), stdin=subprocess.DEVNULL, stdout=into, stderr=into, start_new_session=True)
    try:
        # Nothing ends by itself: tail waits for more.
        limit, ready, peak = time.monotonic() + SECONDS, None, 0
        while written(file) < len(events) and gdb.poll() is None and time.monotonic() < limit:
            if ready is None and tenzir_log.exists() and b"ready: " in tenzir_log.read_bytes():
                ready = time.monotonic()
            peak = max(peak, memory_of_child(gdb.pid))
            time.sleep(0.05)
        took = time.monotonic() - (ready or limit)
    finally:
        end(gdb)
    said = tenzir_log.read_text(encoding="utf-8", errors="replace") if tenzir_log.exists() else ""
    told = re.search(r"settings (-?\d+) (-?\d+) (-?\d+) (-?\d+)", log.read_text(errors="replace"))
    if not told or told[2] != "0" or told[4] != "0":
        raise Wrong(f"the debugger could not add the filter: {log.read_text(errors='replace')[-2000:]} {said[-2000:]}")
    if written(file) != len(events):
        raise Wrong(f"{len(events)} records in, {written(file)} out within {SECONDS} s: {said[-2000:]}")
    if "ready: " not in said:
        raise Wrong(f"the filter is not ready: {said[-2000:]}")
    return [json.loads(line) for line in file.read_bytes().splitlines()], took, peak


def written(file):
    return file.read_bytes().count(b"\n") if file.exists() else 0


def memory_of_child(pid):
    """Most memory so far of the one program that gdb runs, in bytes."""
    try:
        child = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
        return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{child}/status").read_text())[1]) * 1024
    except (OSError, IndexError, TypeError):
        return 0


def survives(line):
    """Whether Fluent Bit's own JSON and MessagePack give a record back as it was, filter or none: its parser
    takes no 200 brackets at once, half a surrogate pair is not UTF-8, and an empty object is no record."""
    return not any(odd in line for odd in (b"\\ud800", b"\\u0000", b"[" * 100)) and len(line.strip()) > 2


def check(arguments):
    vectors, module, programs = (pathlib.Path(argument).resolve() for argument in arguments)
    if platform.machine() != "x86_64":
        raise Wrong(f"the debugger's commands are for x86-64, and this is {platform.machine()}")
    if GDB is None:
        raise Wrong("gdb is not there")
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
            got, _, _ = run_filter(folder, filter_settings, [event for event, _ in pairs])
            for number, ((_, expected), record) in enumerate(zip(pairs, got), 1):
                wanted = json.loads(expected)
                if wanted != record:
                    raise Wrong(f"{name}, record {number}:\n  natively {wanted}\n  here     {record}")
            count += len(pairs)
        # With what was baked in; the second between two flushes is in it.
        bench = [line for line in (vectors / manifest["bench"]["events"]).read_bytes().split(b"\n") if survives(line)][:4000]
        _, took, peak = run_filter(folder, filter_settings, bench)
    return {"host": "Fluent Bit, filter_wasm (by gdb)", "version": "4.2.2", "vectors": count,
            "events_per_second": round(len(bench) / took), "memory_bytes": peak}


if __name__ == "__main__":
    main(check, ALTOGETHER)
