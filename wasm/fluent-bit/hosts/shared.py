"""What both drivers use: the shared vectors, blocks of the pages, programs with a time limit."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGES = ROOT / "docs" / "hosts"


class Wrong(Exception):
    """A host did something else than it should."""


def block(page, language, containing):
    """The one block of a page in a language that contains a word."""
    text = (PAGES / page).read_text(encoding="utf-8")
    found = [body for body in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if containing in body]
    if len(found) != 1:
        raise Wrong(f"{page} has {len(found)} blocks of {language} with {containing}, and not one")
    return found[0]


def replaced(text, places):
    """Text of a page with its paths replaced; a path that is not there any more is an error."""
    for written, real in places.items():
        if written not in text:
            raise Wrong(f"a page does not name {written} any more")
        text = text.replace(written, str(real))
    return text


def records(vectors, of):
    """The events of a set that Fluent Bit can hand over, JSON objects of UTF-8, with what they become."""
    lines = [(vectors / of[name]).read_bytes().split(b"\n") for name in ("events", "expected")]
    if len(lines[0]) != len(lines[1]):
        raise Wrong(f"{of['name']}: {len(lines[0])} lines in, {len(lines[1])} expected")
    return [(event, expected) for event, expected in zip(*lines) if is_record(event)]


def is_record(line):
    try:
        return b"\0" not in line and isinstance(json.loads(line.decode("utf-8")), dict)
    except (ValueError, RecursionError):
        return False


def run(command, seconds, **options):
    """Runs a program to its end, or ends it and all that it started."""
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **options,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        end(process)
        out, err = process.communicate()
        raise Wrong(f"{command[0]} did not end within {seconds} s: {tail(err)}") from None
    finally:
        end(process)
    if process.returncode != 0:
        raise Wrong(f"{command[0]} ended with {process.returncode}: {tail(err)}")
    return out, err.decode("utf-8", "replace")


def end(process):
    """Ends a program that leads its own group, and all that it started."""
    # None of them is left when it ended by itself.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def in_quotes(text):
    """A text as it stands between the quotation marks of TQL, and of C."""
    return str(text).replace("\\", "\\\\").replace('"', '\\"')


def tail(text):
    return text[-2000:].decode("utf-8", "replace") if text else "it printed nothing"


def environment(home, *programs):
    """Where Tenzir's cache and state vanish with the run, and these programs are found."""
    folders = [str(pathlib.Path(program).parent) for program in programs]
    return {"PATH": os.pathsep.join([*folders, "/usr/bin", "/bin"]), "SHELL": "/bin/sh", "HOME": str(home),
            "TENZIR_STATE_DIRECTORY": f"{home}/state", "TENZIR_CACHE_DIRECTORY": f"{home}/cache"}


def compare(name, wanted, got):
    """Bytes, line by line."""
    if len(wanted) != len(got):
        raise Wrong(f"{name}: {len(wanted)} events in, {len(got)} out")
    for number, (want, have) in enumerate(zip(wanted, got), 1):
        if want != have:
            raise Wrong(f"{name}, event {number}:\n  natively {want[:3000]!r}\n  here     {have[:3000]!r}")


def main(check, seconds):
    """Prints one line of JSON, or what is wrong; all of it may take so many seconds."""
    def late(*_):
        raise Wrong(f"it took longer than {seconds} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        print(json.dumps(check(sys.argv[1:])))
    except Wrong as wrong:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {wrong}")
