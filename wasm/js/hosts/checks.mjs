/**
 * What the package promises beside the vectors, in whatever host this is loaded into.
 */

import { same } from "./vectors.mjs";

function check(holds, what) {
  if (!holds) {
    throw new Error(`does not hold: ${what}`);
  }
}

function refused(WhoseError, work, code, kind) {
  try {
    work();
  } catch (error) {
    check(error instanceof WhoseError, `${kind} is a WhoseError, it is ${error}`);
    check(error.name === "WhoseError" && error.message.length > 10, `${kind} has a sentence`);
    check(error.code === code && error.kind === kind, `${kind} ${code}, got ${error.kind} ${error.code}: ${error.message}`);
    return error;
  }
  throw new Error(`${kind} was not thrown`);
}

async function rejected(WhoseError, promise, kind) {
  const error = await promise.then(() => undefined, (error) => error);
  check(error instanceof WhoseError && error.kind === kind, `${kind} is rejected with, got ${error}`);
}

/** A mistake of the program is told to it, and is no failure of the module. */
async function wrongArguments({ Enricher, WhoseError, init }, enricher, snapshot) {
  const gone = new Uint8Array(8);
  const view = new DataView(gone.buffer, 2);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  const bad = (work) => refused(WhoseError, work, -2, "bad_argument");
  const bytes = [gone, view, gone.buffer];
  if (typeof ArrayBuffer.prototype.resize === "function") {
    const buffer = new ArrayBuffer(64, { maxByteLength: 64 });
    bytes.push(new Uint8Array(buffer, 32, 32));
    buffer.resize(8);
  }
  for (const one of bytes) {
    for (const name of ["enrich", "enrichNdjson", "keys", "attach", "swap"]) {
      bad(() => enricher[name](one));
    }
  }
  for (const handle of [Object.create(null), Symbol("x"), 1n, "0", undefined, 1e9]) {
    refused(WhoseError, () => enricher.detach(handle), -15, "unknown_handle");
  }
  for (const now of ["2026-11-30", "", Number.NaN, Infinity, -1, () => 0, null, {}, 1n, new Date("x")]) {
    bad(() => enricher.attach(snapshot, { now }));
    bad(() => new Enricher(undefined, { now }));
  }
  for (const config of [Promise.resolve({}), new Map(), /x/, new ArrayBuffer(2), [], null, 1, () => ({})]) {
    bad(() => enricher.configure(config));
    bad(() => new Enricher(undefined, { config }));
  }
  const options = [null, 1, { check: "x" }, { chekc: "all" }, { maxSnapshotBytes: 1n }, { log: 1 }, { module: {} }];
  for (const wrong of options) {
    bad(() => new Enricher(undefined, wrong));
    await rejected(WhoseError, Enricher.open(snapshot, wrong), "bad_argument");
    await rejected(WhoseError, Enricher.create(snapshot, wrong), "bad_argument");
    await rejected(WhoseError, enricher.reload(snapshot, wrong), "bad_argument");
  }
  await rejected(WhoseError, init(Promise.reject(new Error("offline"))), "not_initialized");
  await rejected(WhoseError, init({}), "bad_argument");
  check(enricher.stats().traps === 0, "a wrong argument is no failure of the module");

  // A log that fails stops nothing.
  const log = () => {
    throw new Error("EPIPE");
  };
  (await Enricher.open(() => null, { log })).free();
  (await Enricher.open(() => null, { log: async () => log() })).free();
  check(enricher.enrich('{"a":"\ud800"}') === '{"a":"\ud800"}', "half a character in what is no event");
  const forged = enricher.enrich('{"eventSource":"s3.amazonaws.com","eventName":"\ud800","userIdentity":{},"whose":{"v":1,"forged":1}}');
  check(!forged.includes("forged"), `a forged member stays beside half a character: ${forged}`);
}

/** What one source does must not hurt while another is read, and nobody waits for what is left. */
async function manySources({ Enricher, WhoseError }, snapshot, settings) {
  const slow = () => new Promise((resolve) => setTimeout(() => resolve(snapshot), 30));
  const said = [];
  const quiet = { ...settings, log: (message) => said.push(message) };
  const two = await Enricher.open([slow, Promise.reject(new Error("gone"))], quiet);
  check(two.snapshots().length === 1 && said.length === 1 && said[0].includes("gone"), `one of two: ${said}`);
  check((await two.reload([slow, Promise.reject(new Error("gone"))])) === false, "a reload of two");
  two.free();
  const hanging = {
    getReader: () => ({
      read: async () => ({ done: false, value: new TextEncoder().encode("no snapshot ".repeat(40)) }),
      cancel: () => new Promise(() => {}),
    }),
  };
  await rejected(WhoseError, Enricher.create(hanging, settings), "not_a_snapshot");
  const used = new Response(snapshot);
  used.body.getReader();
  const iterables = [
    used,
    { [Symbol.iterator]: () => ({}) },
    { [Symbol.iterator]: () => null },
    { [Symbol.asyncIterator]: () => ({ next: async () => undefined }) },
    { get body() { throw new Error("no body"); } },
    "text",
  ];
  for (const source of iterables) {
    await rejected(WhoseError, Enricher.create(source, settings), "snapshot_unreadable");
  }
}

/** Overlays and damage. */
function layers({ Enricher, WhoseError }, snapshot, events) {
  const unsigned = { check: "by_host", now: 0 };
  const overlay = snapshot.slice();
  overlay[96] = 2;
  overlay.set(snapshot.subarray(192, 224), 120);
  overlay.fill(7, 192, 224);
  const enricher = new Enricher([snapshot, overlay], unsigned);
  const before = JSON.stringify(enricher.snapshots());
  for (const set of [[overlay], [overlay, snapshot]]) {
    refused(WhoseError, () => enricher.swap(set, unsigned), -13, "overlay_without_base");
    check(JSON.stringify(enricher.snapshots()) === before, "a refused swap changes nothing");
  }
  check(enricher.swap([snapshot, overlay], unsigned).length === 2, "a base and its overlay");
  enricher.free();

  const said = [];
  const damaged = new Enricher(undefined, { now: 0, log: (message) => said.push(message) });
  // Where attaching does not look.
  for (let at = 41; damaged.snapshots().length === 0; at += 1000) {
    const broken = snapshot.slice();
    broken[broken.length - at] ^= 1;
    try {
      damaged.attach(broken, { check: "on_first_touch" });
    } catch (error) {
      check(error instanceof WhoseError && at < snapshot.length, `damage: ${error}`);
    }
  }
  damaged.enrichNdjson(events);
  damaged.enrichNdjson(events);
  check(damaged.stats().damaged > 0, "damage is found when it is touched");
  check(said.length === 1 && said[0].includes("damaged"), `damage is told once: ${said}`);
  damaged.free();
}

/**
 * @param {{ Enricher: any, WhoseError: any, init: any }} whose
 * @param {(name: string) => Promise<Uint8Array>} read
 */
export async function runChecks({ Enricher, WhoseError, init }, read) {
  const manifest = JSON.parse(new TextDecoder().decode(await read("manifest.json")));
  const snapshot = await read(manifest.snapshot);
  const { config, events: eventsName, expected: expectedName } = manifest.sets.find(
    ({ name }) => name === "native-standard",
  );
  const events = await read(eventsName);
  const expected = await read(expectedName);
  await init();
  const settings = { config, now: 0 };

  // What is wrong with a snapshot is told in the host's log, and events flow.
  const said = [];
  const log = (message) => said.push(message);
  const broken = snapshot.slice();
  broken[broken.length - 1] ^= 1;
  const wrong = [
    [() => Promise.reject(new Error("no such file: inventory.whose")), "snapshot_unreadable, 0", "no such file"],
    [() => null, "snapshot_unreadable, 0", "there is none"],
    [broken, "digest_mismatch, -7", "digest"],
    [snapshot.subarray(0, 1000), "truncated, -6", "1000"],
    [new Uint8Array(), "truncated, -6", "0"],
    [new TextEncoder().encode("not a snapshot ".repeat(40)), "not_a_snapshot, -4", "snapshot"],
  ];
  for (const [source, codes, words] of wrong) {
    said.length = 0;
    const enricher = await Enricher.open(source, { ...settings, log });
    check(said.length === 1, `one line is logged for ${codes}, got ${JSON.stringify(said)}`);
    check(said[0].startsWith("whose: snapshot not attached"), said[0]);
    check(said[0].includes(codes) && said[0].includes(words), `${said[0]} tells ${codes} and ${words}`);
    check(enricher.enrich('{"a":1}') === '{"a":1}', "events flow");
    check(enricher.enrichNdjson(events).length > 0, "batches flow");
    enricher.free();
  }
  said.length = 0;
  const small = await Enricher.open(snapshot, { ...settings, log, maxSnapshotBytes: 5000 });
  check(said.length === 1 && said[0].includes("input_too_large, -17"), `oversized: ${said}`);
  check(said[0].includes(String(snapshot.length)) && said[0].includes("5000"), said[0]);
  refused(WhoseError, () => small.attach(snapshot), -17, "input_too_large");
  const inPieces = () => Array.from({ length: 9 }, (_, at) => snapshot.subarray(at * 100, at * 100 + 100));
  check((await small.reload(inPieces)) === false && said.length === 2, "oversized by its header");
  small.free();

  // Pieces of any kind.
  const sources = [
    snapshot,
    snapshot.buffer.slice(snapshot.byteOffset, snapshot.byteOffset + snapshot.byteLength),
    () => new Response(snapshot),
    new Blob([snapshot]),
    new Blob([snapshot]).stream(),
    (async function* () {
      for (let at = 0; at < snapshot.length; at += 333) {
        yield snapshot.subarray(at, at + 333);
      }
    })(),
    { body: new Response(snapshot).body },
  ];
  for (const source of sources) {
    const enricher = await Enricher.create(source, settings);
    same(enricher.enrichNdjson(events), expected, "a snapshot that arrived in pieces");
    check(enricher.snapshots()[0].bytes === snapshot.length, "how long it is");
    enricher.free();
  }
  const longer = new Uint8Array(snapshot.length + 1);
  longer.set(snapshot);
  const created = await Enricher.create(longer, settings).catch((error) => error);
  check(created instanceof WhoseError && created.kind === "layout_invalid", `bytes after the end: ${created}`);

  // A swap is all or nothing.
  said.length = 0;
  const enricher = new Enricher(snapshot, { ...settings, log });
  const [{ handle, digest }] = enricher.snapshots();
  refused(WhoseError, () => enricher.swap(broken), -7, "digest_mismatch");
  refused(WhoseError, () => enricher.swap([snapshot, broken]), -7, "digest_mismatch");
  check((await enricher.reload(() => null)) === false && said.length === 1, "a reload that fails is logged");
  check(said[0].includes("what was attached stays"), said[0]);
  check(enricher.snapshots().length === 1 && enricher.snapshots()[0].handle === handle, "the old one stays");
  same(enricher.enrichNdjson(events), expected, "after refused swaps");
  const [next] = enricher.swap(snapshot);
  check(next !== handle && enricher.snapshots()[0].handle === next, "the new one is there");
  check(enricher.snapshots()[0].digest === digest, "and is the same");
  check((await enricher.reload([snapshot])) === true, "a reload");
  same(enricher.enrichNdjson(events), expected, "after swaps");
  refused(WhoseError, () => enricher.detach(handle), -15, "unknown_handle");
  refused(WhoseError, () => enricher.attach(snapshot, { now: Date.UTC(2200, 0) }), -18, "expired");
  refused(WhoseError, () => enricher.attach(snapshot, { chekc: "all" }), -2, "bad_argument");
  refused(WhoseError, () => enricher.attach(snapshot, { check: "some" }), -2, "bad_argument");
  refused(WhoseError, () => enricher.attach("text"), -2, "bad_argument");
  await wrongArguments({ Enricher, WhoseError, init }, enricher, snapshot);
  await manySources({ Enricher, WhoseError }, snapshot, settings);
  layers({ Enricher, WhoseError }, snapshot, events);
  refused(WhoseError, () => enricher.configure({ rendring: "ocsf" }), -3, "configuration_refused");
  refused(WhoseError, () => enricher.configure({ limits: 1n }), -3, "configuration_refused");
  refused(WhoseError, () => enricher.lookup("nonsense:x"), -16, "key_refused");
  const hidden = refused(WhoseError, () => enricher.lookup(`\u202e\u001b[2J${"x".repeat(5000)}:y`), -16, "key_refused");
  // eslint-disable-next-line no-control-regex
  check(!/[\u0000-\u001f\u202e]/.test(hidden.message) && hidden.message.length < 1200, "messages are fit to be read");
  refused(WhoseError, () => new Enricher(snapshot, { snapshots: 1 }), -2, "bad_argument");

  // Somebody who is not there is a value.
  const nobody = enricher.lookup("email:nobody@example.com");
  check(["not_found", "out_of_scope"].includes(nobody.outcome), `nobody is ${nobody.outcome}`);

  // Objects: the original stays as it is, and what is no event comes back itself.
  const decoder = new TextDecoder();
  const line = decoder.decode(events.subarray(0, events.indexOf(10)));
  const enrichedLine = decoder.decode(expected.subarray(0, expected.indexOf(10)));
  const event = JSON.parse(line);
  const enriched = enricher.enrich(event);
  check(JSON.stringify(enriched) === JSON.stringify(JSON.parse(enrichedLine)), "an object is enriched");
  check(JSON.stringify(event) === JSON.stringify(JSON.parse(line)), "and is left as it was");
  const cycle = {};
  cycle.self = cycle;
  for (const odd of [cycle, { big: 1n }, {}, [], { a: 1 }, null, undefined, 7, true, "", "\ud800", "{", new Uint8Array(), events.subarray(0, 20)]) {
    check(Object.is(enricher.enrich(odd), odd), "what is no event comes back itself");
  }
  const { traps, lines } = enricher.stats();
  check(traps === 0 && lines > 0, "counters");
  const observed = enricher.keys(line);
  check(observed.length === 1 && observed[0].identities.length > 0, "keys");

  // A long batch is cut at line ends.
  const copies = Math.ceil((9 << 20) / events.length);
  const repeated = (bytes) => {
    const all = new Uint8Array(copies * (bytes.length + 1)).fill(10);
    for (let copy = 0; copy < copies; copy += 1) {
      all.set(bytes, copy * (bytes.length + 1));
    }
    return all;
  };
  same(enricher.enrichNdjson(repeated(events)), repeated(expected), "a long batch");
  check(enricher.memoryBytes < 64 << 20, `the memory stays small: ${enricher.memoryBytes}`);

  enricher.free();
  enricher.free();
  for (const use of ["stats", "snapshots", "keys", "lookup", "attach", "swap", "enrich", "enrichNdjson", "configure", "detach"]) {
    refused(WhoseError, () => enricher[use](use === "lookup" ? "email:a@b.c" : events), 0, "freed");
  }
  refused(WhoseError, () => enricher.memoryBytes, 0, "freed");
  if (Symbol.dispose) {
    const other = new Enricher(undefined, settings);
    other[Symbol.dispose]();
    refused(WhoseError, () => other.stats(), 0, "freed");
  }
}
