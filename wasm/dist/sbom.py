"""Writes the bill of materials of one module: CycloneDX 1.6, JSON, the same bytes for the same module.

usage: sbom.py METADATA TREE LOCK PACKAGE ARTIFACT OUT

METADATA is what `cargo metadata --filter-platform wasm32-unknown-unknown` prints, for the edges; it mixes
the features of all packages of the workspace, so TREE says which packages are really compiled:
`cargo tree --package PACKAGE --edges normal,no-proc-macro --prefix none --format {p}`. LOCK is the
Cargo.lock with the checksums. Build scripts and macros leave nothing in a module and are not listed. The result is validated with CycloneDX' own schema.
"""

import hashlib
import json
import sys
import tomllib
import uuid
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

# Names of documents are made of the module's digest, so that they are the same each time.
NAMESPACE = uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")


def main() -> int:
    metadata_file, tree_file, lock_file, package, artifact, out = sys.argv[1:]
    metadata = json.loads(Path(metadata_file).read_text())
    checksums = {
        (entry["name"], entry["version"]): entry.get("checksum")
        for entry in tomllib.loads(Path(lock_file).read_text())["package"]
    }
    compiled = {
        tuple(line.split()[:2]) for line in Path(tree_file).read_text().splitlines() if line.strip()
    }
    packages = {
        entry["id"]: entry
        for entry in metadata["packages"]
        if (entry["name"], "v" + entry["version"]) in compiled
    }
    edges = {
        node["id"]: [dep["pkg"] for dep in node["deps"] if is_linked(dep, packages)]
        for node in metadata["resolve"]["nodes"]
        if node["id"] in packages
    }
    root = next(key for key, entry in packages.items() if entry["name"] == package)

    reached = [root]
    for key in reached:
        reached.extend(other for other in edges[key] if other not in reached)
    missed = len(packages) - len(reached)
    if missed:
        print(f"{missed} packages of the tree are not reached from {package}", file=sys.stderr)
        return 1
    components = {key: component(packages[key], checksums) for key in reached}

    digest = hashlib.sha256(Path(artifact).read_bytes()).hexdigest()
    subject = Component(
        type=ComponentType.FILE,
        name=Path(artifact).name,
        version=packages[root]["version"],
        bom_ref=f"sha256:{digest}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        licenses=[LicenseFactory().make_with_expression(packages[root]["license"])],
    )
    bom = Bom(serial_number=uuid.uuid5(NAMESPACE, digest), components=components.values())
    # A time would make two builds differ.
    bom.metadata.timestamp = None
    bom.metadata.component = subject
    bom.register_dependency(subject, [components[root]])
    for key in reached:
        bom.register_dependency(components[key], [components[other] for other in edges[key]])

    text = JsonV1Dot6(bom).output_as_string(indent=2)
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault is not None:
        print(f"bill of materials of {subject.name} is not valid: {fault}", file=sys.stderr)
        return 1
    Path(out).write_text(text + "\n")
    print(f"{subject.name}: {len(components)} packages")
    return 0


def is_linked(dep: dict, packages: dict) -> bool:
    """Whether a dependency is compiled into what depends on it."""
    return dep["pkg"] in packages and any(kind["kind"] is None for kind in dep["dep_kinds"])


def component(entry: dict, checksums: dict) -> Component:
    name, version = entry["name"], entry["version"]
    purl = PackageURL("cargo", None, name, version)
    checksum = checksums.get((name, version))
    # `MIT/Apache-2.0` is how older packages write it.
    licence = (entry["license"] or "").replace("/", " OR ")
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        purl=purl,
        bom_ref=str(purl),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
        licenses=[LicenseFactory().make_with_expression(licence)] if licence else [],
    )


if __name__ == "__main__":
    sys.exit(main())
