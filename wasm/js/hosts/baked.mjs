/**
 * A module with a snapshot and a configuration in it, as `whose-snapshot bake` makes one.
 */

import { same } from "./vectors.mjs";

/**
 * @param {{ Enricher: any, WhoseError: any }} whose
 * @param {(name: string) => Promise<Uint8Array>} read a file of the sample
 */
export async function runBaked({ Enricher }, read) {
  const module = await WebAssembly.compile(await read("baked.wasm"));
  const [events, expected, snapshot] = [await read("events.ndjson"), await read("expected.ndjson"), await read("snapshot.whose")];
  const enricher = new Enricher(undefined, { module });
  const [baked, ...others] = enricher.snapshots();
  if (others.length > 0 || baked?.handle !== 0) {
    throw new Error("what was baked in is not what is attached");
  }
  same(enricher.enrichNdjson(events), expected, "a module with a snapshot in it");
  const second = new Enricher(undefined, { module });
  same(second.enrichNdjson(events), expected, "a second instance of it");
  second.free();
  // It can be replaced, and gives its place up.
  const [next] = enricher.swap(snapshot);
  const [now, ...more] = enricher.snapshots();
  if (more.length > 0 || now.handle !== next || now.digest !== baked.digest) {
    throw new Error("a snapshot that was baked in is not replaced");
  }
  same(enricher.enrichNdjson(events), expected, "after a swap");
  enricher.detach(next);
  if (enricher.snapshots().length !== 0) {
    throw new Error("a snapshot stayed");
  }
  enricher.free();
}
