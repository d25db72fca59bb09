"""Checks enriched events against the definitions that OCSF, ECS and Splunk publish."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import ecs
import ocsf
import pairs
import selftest
import splunk

HERE = Path(__file__).resolve().parent
# Exit statuses, the same as those of `whose`.
FAILED, DOES_NOT_HOLD = 1, 3


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ecs-fields", type=Path, required=True, help="what ecs_fields.cjs printed")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("self-test", help="show that wrong events are refused")
    for rendering in ("ocsf", "ecs", "splunk"):
        command = commands.add_parser(rendering, help="check events in that rendering")
        command.add_argument("before", type=Path, help="the events, one a line")
        command.add_argument("after", type=Path, help="the same events, enriched")
    arguments = parser.parse_args()
    try:
        schema = ecs.Schema(arguments.ecs_fields)
        makers: dict[str, Callable[[], selftest.Checker]] = {
            "ocsf": ocsf.Checker,
            "ecs": lambda: ecs.Checker(schema),
            "splunk": splunk.Checker,
        }
        if arguments.command == "self-test":
            for name, make in makers.items():
                print(selftest.run(name, HERE / "testdata", make))
        else:
            checker = makers[arguments.command]()
            print(check(checker, arguments.before, arguments.after))
    except pairs.Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return DOES_NOT_HOLD
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    return 0


def check(checker: selftest.Checker, before: Path, after: Path) -> str:
    """All lines of two files."""
    found, others = pairs.read(before, after)
    for pair in found:
        try:
            checker.check(pair)
        except pairs.Refused as error:
            raise pairs.Refused(f"{after}, line {pair.number}: {error}") from error
    if checker.enriched == 0:
        raise pairs.Refused(f"{after}: no event was enriched")
    return checker.summary() + (f"; {others} lines are not JSON" if others else "")


if __name__ == "__main__":
    sys.exit(main())
