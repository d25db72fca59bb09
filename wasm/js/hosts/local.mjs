/**
 * Node, Deno and Bun: runs the vectors and the checks in this process.
 *
 *     HOST local.mjs VECTORS SAMPLE [ENTRY]
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

import { runBaked } from "./baked.mjs";
import { runChecks } from "./checks.mjs";
import { bench, eventsPerSecond, runVectors } from "./vectors.mjs";

const [folder, sample, entry = "whose"] = process.argv.slice(2);
const whose = await import(entry);
const read = async (name) => new Uint8Array(readFileSync(join(folder, name)));
await runChecks(whose, read);
await runBaked(whose, async (name) => new Uint8Array(readFileSync(join(sample, name))));
const vectors = await runVectors(whose, read);
const measured = await bench(whose, read);
const result = {
  host: globalThis.Deno ? "Deno" : globalThis.Bun ? "Bun" : "Node",
  version: globalThis.Deno?.version.deno ?? globalThis.Bun?.version ?? process.versions.node,
  vectors,
  events_per_second: eventsPerSecond(measured),
  memory_bytes: process.memoryUsage().rss,
};
console.log(JSON.stringify(result));
