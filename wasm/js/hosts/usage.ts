// Everything that the types say, used once. It is checked and not run.

import { Enricher, init, WhoseError } from "whose";
import type { Attached, Config, Context, ErrorKind, Lookup, SnapshotSource, Stats } from "whose";
import { Enricher as Baseline } from "whose/baseline";

const config: Config = {
  v: 1,
  rendering: "native",
  detail: "full",
  default_domains: { k8s_audit: "prod-eu" },
  limits: { max_depth: 64 },
};
// @ts-expect-error: no such rendering
const wrong: Config = { rendering: "xml" };
// @ts-expect-error: no such member
const unknown: Config = { rendring: "ocsf" };

export async function use(bytes: Uint8Array, response: Response): Promise<string> {
  await init();
  await init(response);
  const sources: SnapshotSource[] = [bytes, bytes.buffer, response, () => fetch("https://example.com/x"), null];
  using enricher = new Enricher(bytes, { config, maxSnapshotBytes: 1e9, check: "on_first_touch" });
  const other = await Enricher.create(sources, { log: (line: string) => line.length, now: new Date() });
  const open: Enricher = await Enricher.open(response, { config: JSON.stringify(config) });
  const baseline = new Baseline();
  baseline.free();

  const text: string = enricher.enrich("{}");
  const same: Uint8Array = enricher.enrich(bytes);
  const enrichedView: Uint8Array | DataView = enricher.enrich(new DataView(bytes.buffer));
  // @ts-expect-error: an enriched DataView is none
  const view: DataView = enricher.enrich(new DataView(bytes.buffer));
  console.log(enrichedView, view, new WhoseError(-2, "x", { kind: "bad_argument" }));
  const event = enricher.enrich({ eventName: "AssumeRole" });
  const context: Context | undefined = event.whose;
  const name: string = event.eventName;
  const owner: string | undefined = context?.identities?.[0]?.owner?.ref;
  const priority = context?.triage?.priority === "critical";
  const lines: Uint8Array = enricher.enrichNdjson(bytes);

  const found: Lookup = enricher.lookup("email:nobody@example.com");
  switch (found.outcome) {
    case "matched":
    case "retired":
    case "ambiguous":
      return found.records?.map((record) => record.owner?.contact ?? "").join() ?? "";
    case "not_found":
    case "not_found_at_time":
    case "out_of_scope":
      break;
    default: {
      const never: never = found.outcome;
      return never;
    }
  }
  try {
    const handle: number = enricher.attach(bytes, { check: "by_host", now: 0 });
    enricher.detach(handle);
    const [first]: number[] = enricher.swap([bytes, bytes]);
    await enricher.swapFrom(response);
    await enricher.attachFrom(sources[0] ?? null);
    const isNew: boolean = await enricher.reload(() => null);
    enricher.configure(config);
    // @ts-expect-error: a stream is not bytes
    enricher.attach(response);
    return `${first} ${isNew}`;
  } catch (error) {
    if (error instanceof WhoseError) {
      const kind: ErrorKind = error.kind;
      return `${kind} ${error.code} ${error.message}`;
    }
    throw error;
  } finally {
    const attached: Attached[] = enricher.snapshots();
    const stats: Stats = enricher.stats();
    const keys = enricher.keys(bytes)[0]?.identities?.[0]?.keys[0]?.value;
    console.log(attached, stats.lines, keys, enricher.memoryBytes, text, same, name, owner, priority, lines, open);
    other.free();
    other[Symbol.dispose]();
  }
}

export { unknown, wrong };
