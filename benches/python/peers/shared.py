"""What the peers share: the table, the answer's form, and the loop that does a pass for each order."""

import csv
import json
import sys
import time

MEMBERS = ("uid", "name", "type", "owner", "environment", "privilege_tier", "privilege_level")


def arguments():
    """Paths of events, table and a folder for this process."""
    return sys.argv[-3:]


def rows(table):
    """The table's lines: key, then the members."""
    with open(table, encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        if tuple(next(lines)) != ("key", *MEMBERS):
            raise SystemExit("the table has other columns")
        yield from lines


def context(values):
    """What is added to an event."""
    said = dict(zip(MEMBERS, values))
    said["privilege_tier"] = int(said["privilege_tier"]) if said["privilege_tier"] else None
    return said


def serve(name, how, version, one_pass):
    """Says that everything is read, then obeys. `one_pass(path)` does a pass, and writes when there is a path; it
    returns processor and wall time in nanoseconds when it knows better than this process' clocks."""
    print(json.dumps({"peer": name, "how": how, "version": version}), flush=True)
    for order in sys.stdin:
        word, _, path = order.strip().partition(" ")
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        took = one_pass(path if word == "write" else None)
        cpu, wall = took or (time.process_time_ns() - cpu, time.perf_counter_ns() - wall)
        print(json.dumps({"cpu_ns": cpu, "wall_ns": wall}), flush=True)
