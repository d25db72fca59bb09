/**
 * The shared vectors, in whatever host this is loaded into: no file, no process, no clock but
 * `performance.now`.
 */

/**
 * @param {{ Enricher: any, WhoseError: any }} whose
 * @param {(name: string) => Promise<Uint8Array>} read a file of the vectors
 * @returns {Promise<number>} how many vectors held; throws at the first that does not
 */
export async function runVectors({ Enricher, WhoseError }, read) {
  const manifest = JSON.parse(text(await read("manifest.json")));
  if (manifest.v !== 1) {
    throw new Error(`manifest.json has version ${manifest.v}, this driver reads version 1`);
  }
  const snapshot = await read(manifest.snapshot);
  let count = 0;
  for (const set of manifest.sets) {
    const events = await read(set.events);
    const expected = await read(set.expected);
    const enricher = await Enricher.create(undefined, { config: set.config, now: 0 });
    enricher.attach(snapshot);
    same(enricher.enrichNdjson(events), expected, set.name);
    const [before, after] = [lines(events), lines(expected)];
    if (before.length !== after.length) {
      throw new Error(`${set.name}: ${before.length} events, ${after.length} expected lines`);
    }
    before.forEach((event, at) => {
      same(enricher.enrich(event), after[at], `${set.name}, event ${at + 1}`);
      count += 1;
    });
    checkText(enricher, before, after, set.name);
    enricher.free();
  }
  const enricher = await Enricher.create(undefined, { now: 0 });
  enricher.attach(snapshot);
  for (const { key, expected, code } of manifest.lookups) {
    let got;
    try {
      got = enricher.lookup(key);
    } catch (error) {
      if (!(error instanceof WhoseError) || error.code !== code) {
        throw error;
      }
      count += 1;
      continue;
    }
    const [is, wanted] = [sorted(got), sorted(expected ?? code)];
    if (is !== wanted) {
      throw new Error(`lookup of ${key}: got ${is}, expected ${wanted}`);
    }
    count += 1;
  }
  enricher.free();
  return count;
}

/** The same events as text and as objects. */
function checkText(enricher, before, after, name) {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  before.forEach((event, at) => {
    let line;
    try {
      line = strict.decode(event);
    } catch {
      return;
    }
    const got = enricher.enrich(line);
    const wanted = strict.decode(after[at]);
    if (got !== wanted) {
      throw new Error(`${name}, event ${at + 1} as text differs`);
    }
  });
}

/**
 * A measurement: `prepare` once, then `work` as often as wanted.
 * @param {{ Enricher: any }} whose
 * @param {(name: string) => Promise<Uint8Array>} read
 */
export async function bench({ Enricher }, read) {
  const manifest = JSON.parse(text(await read("manifest.json")));
  const events = await read(manifest.bench.events);
  const enricher = await Enricher.create(undefined, { config: manifest.bench.config, now: 0 });
  enricher.attach(await read(manifest.snapshot));
  const batches = cut(events, 1 << 18);
  return {
    count: lines(events).length,
    work() {
      let bytes = 0;
      for (const batch of batches) {
        bytes += enricher.enrichNdjson(batch).length;
      }
      return bytes;
    },
  };
}

/** Events a second, the best of some runs. */
export function eventsPerSecond({ count, work }, runs = 4) {
  let best = Infinity;
  for (let run = 0; run < runs; run += 1) {
    const begun = performance.now();
    work();
    best = Math.min(best, performance.now() - begun);
  }
  return Math.round((count / best) * 1000);
}

const text = (bytes) => new TextDecoder().decode(bytes);

/** Lines without the `\n` that ends them. */
export function lines(bytes) {
  const all = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(10, at);
    all.push(bytes.subarray(at, end < 0 ? bytes.length : end));
    at = end < 0 ? bytes.length : end + 1;
  }
  return all;
}

function cut(bytes, size) {
  const all = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(10, Math.min(at + size, bytes.length - 1));
    all.push(bytes.subarray(at, end < 0 ? bytes.length : end + 1));
    at = end < 0 ? bytes.length : end + 1;
  }
  return all;
}

export function same(got, expected, what) {
  let at = 0;
  const shorter = Math.min(got.length, expected.length);
  while (at < shorter && got[at] === expected[at]) {
    at += 1;
  }
  if (at < shorter || got.length !== expected.length) {
    const shown = (bytes) => JSON.stringify(text(bytes.subarray(Math.max(0, at - 60), at + 60)));
    throw new Error(`${what}: differs at byte ${at}: got ${shown(got)}, expected ${shown(expected)}`);
  }
}

/** JSON whose members are in order: two answers with the same facts are the same text. */
function sorted(value) {
  return JSON.stringify(value, (_, inner) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
