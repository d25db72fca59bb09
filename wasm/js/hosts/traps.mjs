/**
 * A module that fails inside itself: its memory may not grow far enough. Events leave as they came, the host's log says
 * so, and afterwards everything is as before.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Enricher } from "whose";
import { same } from "./vectors.mjs";

const [folder] = process.argv.slice(2);
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
console.log(JSON.stringify({ traps, said: said[0] }));
