/**
 * A module that fails inside itself: its memory may not grow far enough. Events leave as they came, the host's log says
 * so, and afterwards everything is as before.
 */

import { createReadStream, readFileSync } from "node:fs";
import { join } from "node:path";

import { Enricher } from "whose";
import { same } from "./vectors.mjs";

const [folder, sample] = process.argv.slice(2);
const read = (name) => new Uint8Array(readFileSync(join(folder, name)));
const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
const set = manifest.sets.find(({ name }) => name === "native-standard");
const [events, expected, snapshot] = [read(set.events), read(set.expected), read(manifest.snapshot)];
const original = new Uint8Array(readFileSync(new URL(import.meta.resolve("whose/whose_bg.wasm"))));

/** The module with a greatest number of pages in its memory. */
function limited(bytes, pages) {
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at];
      at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        return value >>> 0;
      }
    }
  };
  const written = (value) => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...written(value >>> 7)]);
  while (at < bytes.length) {
    const begin = at;
    const id = number();
    const length = number();
    const end = at + length;
    if (id === 5) {
      number();
      number();
      const least = number();
      const body = [1, 1, ...written(least), ...written(least + pages)];
      return new Uint8Array([...bytes.subarray(0, begin), 5, ...written(body.length), ...body, ...bytes.subarray(end)]);
    }
    at = end;
  }
  throw new Error("the module has no memory");
}

const said = [];
const module = new WebAssembly.Module(limited(original, 96));
const enricher = new Enricher(snapshot, {
  config: { ...set.config, limits: { max_event_bytes: 1 << 30 } },
  now: 0,
  module,
  log: (message) => said.push(message),
});
const before = enricher.snapshots();
same(enricher.enrichNdjson(events), expected, "before");
// One line of several MB, whose output does not fit.
const line = new TextDecoder().decode(events.subarray(0, events.indexOf(10)));
const long = `{"padding":"${"x".repeat(2_900_000)}",${line.slice(1)}`;
for (let round = 1; round <= 3; round += 1) {
  said.length = 0;
  const out = enricher.enrich(long);
  if (out !== long) {
    throw new Error("what could not be enriched did not leave as it came");
  }
  if (said.length === 0 || !said.every((message) => message.startsWith("whose: "))) {
    throw new Error(`nothing was logged: ${said}`);
  }
  same(enricher.enrichNdjson(events), expected, `after round ${round}`);
  if (JSON.stringify(enricher.snapshots()) !== JSON.stringify(before)) {
    throw new Error("the snapshots are not those that were attached before");
  }
}
const { traps } = enricher.stats();
if (traps < 1) {
  throw new Error("the module never failed, so nothing was tested");
}
// A snapshot that finds no room is refused, and nothing is lost.
const large = new Uint8Array(64 << 20);
large.set(snapshot.subarray(0, 320));
new DataView(large.buffer).setBigUint64(16, BigInt(large.length), true);
try {
  enricher.attach(large);
  throw new Error("a snapshot of 64 MiB was attached in a memory of 7");
} catch (error) {
  if (error.kind !== "input_too_large" || !error.message.includes("memory could not grow")) {
    throw error;
  }
}
same(enricher.enrichNdjson(events), expected, "at the end");

// What was baked in comes back, and its configuration stays in force, whatever is attached when the module fails.
const baked = new Uint8Array(readFileSync(join(sample, "baked.wasm")));
const text = readFileSync(join(sample, "config.json"), "utf8");
const plain = new Uint8Array(readFileSync(join(sample, "snapshot.whose")));
const [sampleEvents, sampleExpected] = ["events.ndjson", "expected.ndjson"].map((name) => new Uint8Array(readFileSync(join(sample, name))));
/** The baked module with another configuration of the same length, and a damaged snapshot if need be. */
function rebaked(config, isDamaged = false) {
  const bytes = Buffer.from(baked);
  const at = bytes.indexOf(text);
  if (at < 0 || config.length > text.length) {
    throw new Error("the configuration is not in the baked module");
  }
  bytes.write(config.padEnd(text.length), at);
  if (isDamaged) {
    bytes[bytes.indexOf(plain.subarray(0, 64)) + plain.length - 1] ^= 1;
  }
  return new WebAssembly.Module(limited(new Uint8Array(bytes), 96));
}
function fail(enricher) {
  const before = enricher.stats().traps;
  enricher.enrich("x".repeat(16 << 20));
  if (enricher.stats().traps !== before + 1) {
    throw new Error("the module did not fail");
  }
}
const quiet = { now: 0, log: (message) => said.push(message) };
const whole = new Enricher(undefined, { ...quiet, module: rebaked(text) });
fail(whole);
same(whole.enrichNdjson(sampleEvents), sampleExpected, "a baked module that failed");
for (const config of ['{"v":1,"people":"pseudonymous"}', '{"v":1,"rendering":"splunk"}']) {
  const one = new Enricher(undefined, { ...quiet, module: rebaked(config) });
  const [own] = one.swap(plain);
  const expected = one.enrichNdjson(sampleEvents);
  fail(one);
  same(one.enrichNdjson(sampleEvents), expected, `after a failure, ${config}`);
  if (one.snapshots().length !== 1 || one.snapshots()[0].handle !== own) {
    throw new Error("the snapshots are not those that were attached before");
  }
  one.free();
}
// With a damaged one in it: the configuration is in force, and the program's as well, and the others are attached.
const damaged = await Enricher.open(plain, { ...quiet, module: rebaked('{"v":1,"rendering":"splunk"}', true) });
const without = damaged.enrichNdjson(sampleEvents);
fail(damaged);
same(damaged.enrichNdjson(sampleEvents), without, "a damaged baked snapshot, after a failure");
damaged.configure({ people: "pseudonymous", detail: "full" });
const pseudonymous = damaged.enrichNdjson(sampleEvents);
fail(damaged);
same(damaged.enrichNdjson(sampleEvents), pseudonymous, "the program's configuration, after a failure");
// Signatures that are asked for later do not take away what was attached before, and judge what comes.
const signatures = new Enricher(plain, { ...quiet, module });
signatures.configure({ require_signature: true });
fail(signatures);
if (signatures.snapshots().length !== 1) {
  throw new Error("a snapshot that was accepted before is gone");
}
try {
  signatures.attach(plain);
  throw new Error("an unsigned snapshot was attached");
} catch (error) {
  if (error.kind !== "unsigned") {
    throw error;
  }
}
// A baked configuration that is refused lets nobody be named.
const none = await Enricher.open(plain, { ...quiet, module: rebaked('{"v":1,"peple":"pseudonymous"}') });
same(none.enrichNdjson(sampleEvents), sampleEvents, "without a configuration");
// A log that fails, and one that frees.
const broken = new Enricher(plain, { now: 0, module, log: () => { throw new Error("EPIPE"); } });
const through = broken.enrichNdjson(sampleEvents);
fail(broken);
same(broken.enrichNdjson(sampleEvents), through, "with a log that fails");
// Modules that are none of this package.
try {
  new Enricher(undefined, { module: new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])) });
  throw new Error("a module of another kind was taken");
} catch (error) {
  if (error.kind !== "bad_argument") {
    throw error;
  }
}
// A stream of Node that fails before it is read.
const streams = await Enricher.open([() => new Promise((resolve) => setTimeout(() => resolve(plain), 50)), createReadStream("/no/such/file")], quiet);
if (streams.snapshots().length !== 1) {
  throw new Error("a stream that fails takes the others along");
}
console.log(JSON.stringify({ traps, said: said[0] }));
