/**
 * A million calls: neither the module's memory nor the heap may grow once everything is warm.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Enricher, WhoseError } from "whose";
import { lines } from "./vectors.mjs";

const CALLS = 1_000_000;
const [folder] = process.argv.slice(2);
const read = (name) => new Uint8Array(readFileSync(join(folder, name)));
const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
const snapshot = read(manifest.snapshot);
const enricher = new Enricher(snapshot, { config: manifest.bench.config, now: 0 });
// Short events: it is the number of calls that counts.
const events = lines(read(manifest.bench.events))
  .sort((a, b) => a.length - b.length)
  .slice(0, 64);
const texts = events.map((event) => new TextDecoder().decode(event));
const objects = texts.map((text) => JSON.parse(text));
const { key } = manifest.lookups[0];

function calls(from, to) {
  for (let call = from; call < to; call += 1) {
    const at = call % events.length;
    switch (call % 5) {
      case 0:
        enricher.enrich(events[at]);
        break;
      case 1:
        enricher.enrich(texts[at]);
        break;
      case 2:
        enricher.enrichNdjson(events[at]);
        break;
      case 3:
        enricher.lookup(key);
        break;
      default:
        if (call % 100 === 4) {
          enricher.enrich(objects[at]);
        } else if (call % 1000 === 9) {
          enricher.swap(snapshot);
        } else {
          refuse();
        }
    }
  }
}

/** What is thrown must not stay either. */
function refuse() {
  try {
    enricher.lookup("nonsense:x");
  } catch (error) {
    if (!(error instanceof WhoseError)) {
      throw error;
    }
  }
}

function heap() {
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

calls(0, CALLS / 10);
const before = { memory: enricher.memoryBytes, heap: heap() };
calls(0, CALLS);
const after = { memory: enricher.memoryBytes, heap: heap() };
if (after.memory !== before.memory) {
  throw new Error(`the module's memory grew from ${before.memory} to ${after.memory} bytes in ${CALLS} calls`);
}
// Two bytes a call would be two million.
if (after.heap > before.heap + 1_000_000) {
  throw new Error(`the heap grew from ${before.heap} to ${after.heap} bytes in ${CALLS} calls`);
}
// Enrichers that are forgotten take their memory with them.
const held = process.memoryUsage().rss;
for (let round = 0; round < 300; round += 1) {
  const one = new Enricher(snapshot, { now: 0 });
  one.enrich(texts[0]);
  one.free();
  if (round % 20 === 0) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
globalThis.gc();
await new Promise((resolve) => setTimeout(resolve, 50));
const grown = process.memoryUsage().rss - held;
if (grown > 150 << 20) {
  throw new Error(`300 enrichers that were freed left ${grown} bytes behind`);
}
console.log(JSON.stringify({ calls: CALLS, memory: after.memory, heap_grown: after.heap - before.heap, freed_left: grown }));
