"""Runs the shared vectors in Tenzir: in its exec_wasi, and through its operator `shell`.

usage: tenzir.py VECTORS MODULE PROGRAMS

MODULE is whose-fluent-bit-exec.wasm, PROGRAMS the folder of `whose` and `whose-snapshot`. The pipelines
are the ones in docs/hosts/tenzir.md. Prints one line of JSON.
"""

import json
import pathlib
import re
import shlex
import shutil
import sys
import tempfile

from shared import Wrong, block, compare, environment, in_quotes, main, records, replaced, run

PAGE = "tenzir.md"
TENZIR = pathlib.Path(sys.executable).with_name("tenzir")
SECONDS = 300
ALTOGETHER = 1800


def tenzir(pipeline):
    with tempfile.TemporaryDirectory() as home:
        file = pathlib.Path(home, "pipeline.tql")
        file.write_text(pipeline, encoding="utf-8")
        return run([TENZIR, "-f", file], SECONDS, cwd=home, env=environment(home))


class Exec:
    """The module in exec_wasi, over a folder."""

    def __init__(self, folder, module):
        self.folder = folder
        self.module = module
        self.pipeline = block(PAGE, "tql", "exec_wasi")

    def run(self, events, wanted=None):
        (self.folder / "events.ndjson").write_bytes(b"".join(event + b"\n" for event in events))
        pipeline = replaced(self.pipeline, {
            "/opt/whose/whose-fluent-bit-exec.wasm": in_quotes(self.module),
            "/var/lib/whose": in_quotes(self.folder),
        })
        out, log = tenzir(f"{pipeline}\nhead {wanted or len(events)}\nwrite_ndjson\n")
        lines = [json.loads(line)["message"]["wasi_stdout"].encode() for line in out.splitlines()]
        return lines, log


def check(arguments):
    vectors, module, programs = (pathlib.Path(argument).resolve() for argument in arguments)
    manifest = json.loads((vectors / "manifest.json").read_text(encoding="utf-8"))
    version = json.loads(tenzir("version\nwrite_ndjson\n")[0])
    tenzir_version = version.get("version", "?")
    count = 0
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        host = Exec(folder, module)
        for of in manifest["sets"]:
            pairs = records(vectors, of)
            events, expected = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            config = json.dumps(of["config"]).encode()
            # A snapshot in the folder, and one that is baked in, with nothing in the folder.
            (folder / "snapshot.whose").write_bytes((vectors / manifest["snapshot"]).read_bytes())
            (folder / "whose.json").write_bytes(config)
            lines, log = host.run(events)
            said(log, "ready: [{")
            compare(f"{of['name']}, snapshot in the folder", expected, lines)
            baked = folder.with_suffix(".baked.wasm")
            (folder / "snapshot.whose").unlink()
            try:
                run([programs / "whose-snapshot", "bake", "--module", module, "--config", folder / "whose.json",
                     "--out", baked, vectors / manifest["snapshot"]], 120)
                (folder / "whose.json").unlink()
                lines, log = Exec(folder, baked).run(events)
            finally:
                baked.unlink(missing_ok=True)
            said(log, "ready: 1 snapshots baked in")
            compare(f"{of['name']}, baked", expected, lines)
            count += 2 * len(events)
        faults(host, vectors, manifest)
        shell(vectors, manifest, programs, folder)
        per_second, memory = measure(host, vectors, manifest)
    return {"host": "Tenzir (Fluent Bit 4.2.2 exec_wasi)", "version": tenzir_version, "vectors": count,
            "events_per_second": per_second, "memory_bytes": memory}


def said(log, what):
    if what not in log:
        raise Wrong(f"the log does not say {what!r}: {log[-2000:]}")


def faults(host, vectors, manifest):
    """What is wrong is in the host's log, and the events flow."""
    snapshot = (vectors / manifest["snapshot"]).read_bytes()
    damaged = bytearray(snapshot)
    damaged[-1] ^= 1
    events = [event for event, _ in records(vectors, manifest["sets"][0]) if b'"whose"' not in event][:20]
    for content, sentence in [
        (None, "snapshot.whose is in none of the 1 folders"),
        (b"", "snapshot.whose is refused: "),
        (bytes(damaged), "snapshot.whose is refused: "),
        (snapshot[:-100], "snapshot.whose is refused: "),
    ]:
        file = host.folder / "snapshot.whose"
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        lines, log = host.run(events)
        said(log, sentence)
        compare(sentence, events, lines)
    # Sparse: it says that it has 3 GiB, which a 32-bit module can't hold.
    with open(host.folder / "snapshot.whose", "r+b") as file:
        file.truncate(3 << 30)
    lines, log = host.run(events)
    said(log, "fit into the module; build a shard for each pipeline")
    compare("a snapshot of 3 GiB", events, lines)


def shell(vectors, manifest, programs, folder):
    """The pipeline with `shell`: the program's own output, parsed by Tenzir."""
    of = next(of for of in manifest["sets"] if of["name"] == "native-standard")
    # Only formats whose events Tenzir can take apart and put together again come out the same.
    pairs = [pair for pair in records(vectors, of) if pair[0].startswith(b'{"eventVersion"') and "whose" in json.loads(pair[1])]
    (folder / "cloudtrail.ndjson").write_bytes(b"".join(event + b"\n" for event, _ in pairs))
    shutil.copy(vectors / manifest["snapshot"], folder / "snapshot.whose")
    (folder / "whose.json").write_text(json.dumps(of["config"]), encoding="utf-8")
    word = lambda path: in_quotes(shlex.quote(str(path)))
    pipeline = replaced(block(PAGE, "tql", "shell"), {
        "/opt/whose/whose ": f"{word(programs / 'whose')} ",
        "/var/lib/whose/whose.json": word(folder / "whose.json"),
        "/var/lib/whose/snapshot.whose": word(folder / "snapshot.whose"),
        "/var/lib/whose/cloudtrail.ndjson": in_quotes(folder / "cloudtrail.ndjson"),
    })
    out, _ = tenzir(f"{pipeline}\nwrite_ndjson\n")
    lines = [json.loads(line) for line in out.splitlines()]
    wanted = [json.loads(expected)["whose"]["identities"] for _, expected in pairs]
    got = [line["whose"]["identities"] for line in lines if line.get("whose")]
    if len(lines) != len(pairs) or len(wanted) != len(got) or not wanted:
        raise Wrong(f"shell: {len(pairs)} events in, {len(lines)} out, {len(wanted)} contexts wanted, {len(got)} got")
    for want, have in zip(wanted, got):
        outcomes = [[identity["outcome"] for identity in identities] for identities in (want, have)]
        if outcomes[0] != outcomes[1]:
            raise Wrong(f"shell: outcomes {outcomes[0]} wanted, {outcomes[1]} got")


def measure(host, vectors, manifest):
    """Events a second inside the engine, and the module's memory; the module says both in its last line."""
    bench = manifest["bench"]
    shutil.copy(vectors / manifest["snapshot"], host.folder / "snapshot.whose")
    (host.folder / "whose.json").write_text(json.dumps(bench["config"]), encoding="utf-8")
    events = [line for line in (vectors / bench["events"]).read_bytes().split(b"\n") if line][:4000]
    # The module has ended, and said how long it took, when the first of its lines comes out.
    _, log = host.run(events, 1)
    told = re.search(r"events\.ndjson: (\d+) events in (\d+) ms, (\d+) bytes of memory", log)
    if not told or int(told[1]) != len(events):
        raise Wrong(f"no measurement in the log: {log[-2000:]}")
    return round(len(events) * 1000 / max(int(told[2]), 1)), int(told[3])


if __name__ == "__main__":
    main(check, ALTOGETHER)
