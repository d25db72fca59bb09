"""Tenzir: a lookup table context in a node, asked by `context_enrich` in a pipeline from file to file."""

import contextlib
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import time

from shared import MEMBERS, arguments, serve

HOW = (
    "tenzir-node with a lookup table context, and a client's pipeline: from_file { read_ndjson }, context_enrich, to_file { write_ndjson }; "
    "the time of the same pipeline over one event is taken off; client and node together"
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


def processor_ns(node):
    """What the node and all clients that have ended took of processors, where the system tells."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = children.ru_utime + children.ru_stime
    with contextlib.suppress(OSError):
        # After the name, which may have spaces: utime and stime are the 14th and 15th field of the line.
        fields = pathlib.Path(f"/proc/{node.pid}/stat").read_text().rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return round(seconds * 1e9)


def timed(source, out):
    wall, cpu = time.perf_counter_ns(), processor_ns(node)
    run(PIPELINE.format(events=source, out=out))
    return processor_ns(node) - cpu, time.perf_counter_ns() - wall


def one_pass(path):
    start = timed(FIRST, FOLDER / "first.out.ndjson")
    whole = timed(events, path or FOLDER / "out.ndjson")
    return tuple(max(of_whole - of_start, 1) for of_whole, of_start in zip(whole, start))


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
