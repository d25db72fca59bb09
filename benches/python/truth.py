"""What each AWS identity of an inventory is, read from the vendor's exports by Python's own json.

usage: truth.py EXPORTS OUT.tsv

EXPORTS is a folder that `snapshots/examples/vendor_exports.rs` wrote. One line an identity: unique id, ARN,
account, name, type, reference of the owner, environment. Events are made of these lines and what was added to
events is checked against them, so that nothing of this project decides what is right.
"""

import json
import pathlib
import sys

TYPES = (("UserDetailList", "UserName", "UserId", "aws_iam_user"), ("RoleDetailList", "RoleName", "RoleId", "aws_iam_role"))


def identities(file):
    """The identities of one account."""
    details = json.loads(file.read_bytes())
    account = file.stem.rpartition("-")[2]
    for entries, name, uid, sub_type in TYPES:
        for entry in details[entries]:
            tags = {tag["Key"]: tag["Value"] for tag in entry["Tags"]}
            owner = f"group:default/{tags['owner']}"
            yield entry[uid], entry["Arn"], account, entry[name], sub_type, owner, tags["environment"]


def main():
    exports, out = (pathlib.Path(argument) for argument in sys.argv[1:])
    with out.open("w", encoding="utf-8", newline="\n") as file:
        for account in sorted((exports / "aws").glob("authorization-details-*.json")):
            for identity in identities(account):
                file.write("\t".join(identity) + "\n")


if __name__ == "__main__":
    main()
