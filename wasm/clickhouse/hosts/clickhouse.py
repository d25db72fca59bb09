"""Runs the guest module in ClickHouse's own engine and checks what comes out.

Each database is a process of its own with a time limit; chDB opens one a process.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import compare
import faults
import page
import vectors
from engine import Refused
from failures import Differs

# Exit statuses, the same as those of `whose`.
FAILED, DOES_NOT_HOLD = 1, 3
# Longest time of one call of this program.
ALTOGETHER_S = 2400

Json = Any
JOBS: dict[str, Callable[[Json, Path], Json]] = {
    "set": vectors.check_set,
    "lookups": vectors.check_lookups,
    "bench": vectors.bench,
    "compare": compare.compare,
    "faults": faults.check,
    "page": page.execute,
}


class Host:
    """What the jobs need: the module, the tool that bakes it, and a folder."""

    def __init__(self, module: Path, bake: Path, folder: Path) -> None:
        self.module = module.resolve()
        if not self.module.is_file():
            raise OSError(f"{self.module} is not there; `cargo xtask guests` builds it")
        self.tool = str(bake)
        self.folder = folder

    def baked(self, name: str, snapshot: Path, config: Json = None) -> str:
        """The module with a snapshot and a configuration in it."""
        out = self.folder / f"{name}.wasm"
        command = [self.tool, "bake", "--module", str(self.module), "--out", str(out)]
        if config:
            path = self.folder / f"{name}.json"
            path.write_text(json.dumps(config))
            command += ["--config", str(path)]
        run([*command, str(snapshot)], 120)
        return str(out)

    def job(self, name: str, seconds: int, /, **arguments: Json) -> Json:
        """Runs a job in a database of its own."""
        folder = self.folder / f"{name}-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        request = json.dumps({"job": name, "folder": str(folder), "arguments": arguments})
        command = [sys.executable, "-B", str(Path(__file__).resolve()), "job"]
        try:
            answer = run(command, seconds, stdin=request, cwd=folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return json.loads(answer.splitlines()[-1])


def run(command: list[str], seconds: int, stdin: str = "", cwd: Path | None = None) -> str:
    """Runs a program; what it printed."""
    what = " ".join(command[:4])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = subprocess.Popen(command, **pipes, text=True, cwd=cwd, start_new_session=True)
    try:
        out, errors = started.communicate(stdin, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise Differs(f"`{what}` took longer than {seconds} s: {stdin[:400]}") from error
    finally:
        # It leads a group of its own: what it started ends with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    if started.returncode != 0:
        # chDB writes into the same stream.
        told = errors[max(errors.rfind("error: "), 0) :].removeprefix("error: ").strip()
        raise Differs(told or f"`{what}` ended with {started.returncode}: {stdin[:400]}")
    return out


def late(*_: object) -> None:
    """The time of this program is over."""
    raise Differs(f"it took longer than {ALTOGETHER_S} s")


def run_vectors(host: Host, folder: Path) -> Json:
    """The vectors that every host has to agree with."""
    manifest = json.loads((folder / "manifest.json").read_text())
    if manifest["v"] != 1:
        raise Differs(f"vectors have version {manifest['v']}, this driver reads 1")
    snapshot = folder / manifest["snapshot"]
    count = 0
    for one in manifest["sets"]:
        done = host.job(
            "set",
            300,
            name=one["name"],
            module=host.baked(one["name"], snapshot, one["config"]),
            empty=str(host.module),
            events=str((folder / one["events"]).resolve()),
            expected=str((folder / one["expected"]).resolve()),
        )
        count += done["rows"]
    plain = host.baked("lookups", snapshot)
    done = host.job("lookups", 120, module=plain, lookups=manifest["lookups"])
    count += done["lookups"]
    bench = manifest["bench"]
    timed = host.job(
        "bench",
        600,
        module=host.baked("bench", snapshot, bench["config"]),
        events=str((folder / bench["events"]).resolve()),
    )
    return {
        "host": "ClickHouse (chdb)",
        "version": timed["version"],
        "vectors": count,
        "events_per_second": timed["events_per_second"],
        "memory_bytes": timed["memory_bytes"],
    }


def run_compare(host: Host, folder: Path, arguments: argparse.Namespace) -> Json:
    """Beside a dictionary."""
    manifest = json.loads((folder / "manifest.json").read_text())
    snapshot = (folder / manifest["snapshot"]).resolve()
    done = host.job(
        "compare",
        900,
        module=host.baked("compare", snapshot),
        events=str((folder / manifest["bench"]["events"]).resolve()),
        whose=shutil.which(str(arguments.whose)) or str(arguments.whose),
        snapshot=str(snapshot),
        rows=arguments.rows,
        runs=arguments.runs,
    )
    print(done.pop("table"), file=sys.stderr)
    return done


def run_page(host: Host, document: Path, samples: Path) -> Json:
    """The page's own example: the sample organisation, and the same after a team gave a user away."""
    later = host.folder / "samples"
    shutil.copytree(samples, later)
    catalogue = later / "catalog-info.yaml"
    before, after = "  owner: group:default/storefront\n", "  owner: group:default/platform\n"
    catalogue.write_text(catalogue.read_text().replace(before, after, 1))
    modules = {}
    for name, folder, sequence in zip(page.MODULES, (samples, later), ("41", "42"), strict=True):
        snapshot = host.folder / f"{sequence}.whose"
        config = str(folder / "inventory.toml")
        run([host.tool, "build", "--config", config, "--sequence", sequence, "--out", str(snapshot)], 60)
        modules[name] = host.baked(name.removesuffix(".wasm"), snapshot)
    return host.job(
        "page",
        300,
        document=str(document.resolve()),
        events=str((samples / "events" / "events.ndjson").resolve()),
        modules=modules,
    )


def run_faults(host: Host, folder: Path) -> Json:
    """What goes wrong, and how it is told."""
    manifest = json.loads((folder / "manifest.json").read_text())
    snapshot = folder / manifest["snapshot"]
    return host.job(
        "faults",
        300,
        empty=str(host.module),
        baked=host.baked("faults", snapshot),
        snapshot=str(snapshot.resolve()),
        events=str((folder / manifest["bench"]["events"]).resolve()),
    )


def job() -> Json:
    """One job, in this process."""
    request = json.loads(sys.stdin.read())
    return JOBS[request["job"]](request["arguments"], Path(request["folder"]))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("job", help="(internal) one job, read from standard input")
    for name, about in (
        ("vectors", "check the vectors that every host has to agree with, and time the engine"),
        ("faults", "check what goes wrong and how it is told"),
        ("compare", "time the functions beside a dictionary"),
        ("page", "execute the example of docs/hosts/clickhouse.md"),
    ):
        command = commands.add_parser(name, help=about)
        if name == "page":
            command.add_argument("document", type=Path)
            command.add_argument("samples", type=Path, help="the sample organisation's folder")
        else:
            command.add_argument("vectors", type=Path, help="folder with manifest.json")
        command.add_argument("module", type=Path, help="the guest module for ClickHouse")
        command.add_argument("--bake", type=Path, default=os.environ.get("WHOSE_SNAPSHOT", "whose-snapshot"))
        if name == "compare":
            command.add_argument("--rows", type=int, default=200_000)
            command.add_argument("--runs", type=int, default=5)
        command.add_argument("--whose", type=Path, default=os.environ.get("WHOSE", "whose"))
    arguments = parser.parse_args()
    try:
        if arguments.command == "job":
            print(json.dumps(job()))
            return 0
        signal.signal(signal.SIGALRM, late)
        signal.alarm(ALTOGETHER_S)
        with tempfile.TemporaryDirectory(prefix="whose-clickhouse-") as folder:
            host = Host(arguments.module, arguments.bake, Path(folder))
            match arguments.command:
                case "vectors":
                    answer = run_vectors(host, arguments.vectors)
                case "faults":
                    answer = run_faults(host, arguments.vectors)
                case "compare":
                    answer = run_compare(host, arguments.vectors, arguments)
                case _:
                    answer = run_page(host, arguments.document, arguments.samples)
        print(json.dumps(answer))
    except (Differs, Refused) as error:
        print(f"error: {error}", file=sys.stderr)
        return DOES_NOT_HOLD
    except (OSError, KeyError, ValueError) as error:
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
