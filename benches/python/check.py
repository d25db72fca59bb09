"""Whether what was added to events is right, by Python's own json over the vendor's exports.

usage: check.py whose|peer TRUTH.tsv EVENTS ENRICHED

For `whose` each line has to be the event with one member more, at its end; for `peer` each event, found by its id,
has to have the same members and, when its identity is in the exports, `identity`. The identity is found here anew: by the
ARN of the session's issuer, else of the user. Prints one line; exit status 1 when an event is wrong.
"""

import json
import sys

SHOWN = 5


def truth(path, arns):
    """Owner, name, type and environment of those that act in the events, by ARN: all of them may be millions."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            _, arn, _, name, sub_type, owner, environment = line.rstrip("\n").split("\t")
            if arn in arns:
                yield arn, {"name": name, "type": sub_type, "owner": owner, "environment": environment}


def arn_of(event):
    """Who acts: the role behind a session, else the user."""
    identity = event["userIdentity"]
    return identity.get("sessionContext", {}).get("sessionIssuer", {}).get("arn") or identity["arn"]


def of_whose(line, event, added):
    """What `whose` says of the actor, None when it says that it is not listed."""
    if not added.startswith(line[:-1] + b',"whose":{'):
        raise ValueError("the line is not the event with one member more")
    actor = next(one for one in json.loads(added)["whose"]["identities"] if one["role"] == "actor")
    if actor["outcome"] != "matched":
        if "uid" in actor or actor["outcome"] not in ("not_found", "out_of_scope"):
            raise ValueError(f"outcome {actor['outcome']}, uid {actor.get('uid')}")
        return None
    (environment,) = actor["environment"]
    return {"name": actor["name"], "type": actor["sub_type"], "owner": actor["owner"]["ref"], "environment": environment}


def of_peer(event, added):
    """What a peer says."""
    added = dict(added)
    said = added.pop("identity", None)
    missing = event.keys() - added.keys()
    if missing or added["eventName"] != event["eventName"]:
        raise ValueError(f"members are gone: {missing}")
    if not said or not said.get("owner"):
        return None
    return {member: said[member] for member in ("name", "type", "owner", "environment")}


def main():
    form, truth_path, events_path, enriched_path = sys.argv[1:]
    with open(events_path, "rb") as file:
        lines = file.read().splitlines()
    known = dict(truth(truth_path, {arn_of(json.loads(line)) for line in lines}))
    with open(enriched_path, "rb") as file:
        enriched = file.read().splitlines()
    if form == "peer":
        by_id = {event["eventID"]: event for event in map(json.loads, enriched)}
    hits, wrong = 0, []
    if len(lines) != len(enriched):
        wrong.append(f"{len(lines)} events in, {len(enriched)} out")
    for number, line in enumerate(lines[: len(enriched)]):
        event = json.loads(line)
        wanted = known.get(arn_of(event))
        if wanted:
            hits += 1
        try:
            got = of_whose(line, event, enriched[number]) if form == "whose" else of_peer(event, by_id[event["eventID"]])
            if got != wanted:
                raise ValueError(f"{got}, not {wanted}")
        except (ValueError, KeyError, StopIteration, TypeError) as error:
            wrong.append(f"line {number + 1}: {error!r}")
    print(f"{len(lines)} events, {hits} of listed identities, {len(wrong)} wrong")
    for sentence in wrong[:SHOWN]:
        print(sentence)
    return 1 if wrong or not hits else 0


if __name__ == "__main__":
    sys.exit(main())
