"""Tenzir: a lookup table context in a node, asked by `context_enrich` in a pipeline from file to file."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

from shared import MEMBERS, arguments, serve

HOW = (
    "tenzir-node with a lookup table context, and a client's pipeline: from_file { read_ndjson }, context_enrich, to_file { write_ndjson }; "
    "the time of the same pipeline over one event is taken off, and both cores may be used"
)
PROGRAMS = pathlib.Path(sys.executable).parent
PIPELINE = """from_file "{events}" {{ read_ndjson }}
arn = userIdentity.sessionContext?.sessionIssuer?.arn? else userIdentity.arn
context_enrich "identities", key=arn, into=identity
drop arn
to_file "{out}" {{ write_ndjson }}
"""
UPDATE = """from_file "{table}" {{ read_csv }}
context_update "identities", key=key, value={{{members}}}
"""
SECONDS = 300

events, table, folder = arguments()
FOLDER = pathlib.Path(folder)
FIRST = FOLDER / "first.ndjson"
with open(events, "rb") as file:
    FIRST.write_bytes(file.readline())


def free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


def environment(port):
    home = FOLDER / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    said = {name: value for name, value in os.environ.items() if not name.startswith("TENZIR_")}
    return said | {
        "HOME": str(home),
        "TENZIR_ENDPOINT": f"127.0.0.1:{port}",
        "TENZIR_STATE_DIRECTORY": str(home / "state"),
        "TENZIR_CACHE_DIRECTORY": str(home / "cache"),
    }


ENVIRONMENT = environment(free_port())


def run(pipeline, must=True):
    done = subprocess.run([PROGRAMS / "tenzir", pipeline], capture_output=True, env=ENVIRONMENT, timeout=SECONDS, check=False)
    if must and done.returncode:
        raise SystemExit(done.stderr.decode(errors="replace"))
    return done.returncode


def timed(source, out):
    begun = time.perf_counter_ns()
    run(PIPELINE.format(events=source, out=out))
    return time.perf_counter_ns() - begun


def one_pass(path):
    start = timed(FIRST, FOLDER / "first.out.ndjson")
    return max(timed(events, path or FOLDER / "out.ndjson") - start, 1)


with (FOLDER / "node.log").open("wb") as log, subprocess.Popen([PROGRAMS / "tenzir-node"], stdout=log, stderr=log, env=ENVIRONMENT) as node:
    try:
        for _ in range(50):
            if run('context_create_lookup_table "identities"', must=False) == 0:
                break
            time.sleep(0.2)
        else:
            raise SystemExit((FOLDER / "node.log").read_text(errors="replace"))
        run(UPDATE.format(table=table, members=", ".join(f"{member}: {member}" for member in MEMBERS)))
        version = subprocess.run(
            [PROGRAMS / "tenzir", "version | select version | write_ndjson"], capture_output=True, env=ENVIRONMENT, timeout=SECONDS, check=True
        ).stdout.decode()
        serve("Tenzir", HOW, version.partition('"version":"')[2].partition('"')[0], one_pass)
    finally:
        node.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            node.wait(10)
        node.kill()
