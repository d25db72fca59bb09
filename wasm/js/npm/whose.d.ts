/// <reference lib="esnext.disposable" />
/**
 * whose: who owns the identity in a security event.
 *
 * Documentation: README.md of this package, and docs/hosts/javascript.md in the sources.
 */

/** What the host's own types call something, where they have it: these types need neither `dom` nor Node's. */
type Global<Name extends string> = typeof globalThis extends Record<Name, { prototype: infer T }> ? T : never;
/** `WebAssembly.Module` */
export type CompiledModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer T } } } ? T : object;

/** Bytes of a snapshot or of events. They are only read. */
export type Bytes = Uint8Array | ArrayBufferView | ArrayBufferLike;

/** A `ReadableStream` of bytes. */
export interface ByteStream {
  getReader(): {
    read(): Promise<{ done: boolean; value?: unknown }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

/** What gives a snapshot: its bytes, or something that gives them piece by piece. */
export type SnapshotContent =
  | Bytes
  | Global<"Blob">
  | Global<"Response">
  | ByteStream
  | AsyncIterable<Bytes>
  | Iterable<Bytes>
  /** An object of R2, for example. */
  | { readonly body: ByteStream };

/** A snapshot's content, the promise of one, or a function that is asked for one. `null` means: there is none. */
export type SnapshotSource =
  | SnapshotContent
  | null
  | Promise<SnapshotContent | null>
  | (() => SnapshotContent | null | Promise<SnapshotContent | null>);

/**
 * How much of a snapshot is checked, and when: everything at once; nothing, because the program vouches for the
 * bytes (each context then says `"integrity":"by_host"`); or each part of 1 MiB when it is first touched.
 */
export type Check = "all" | "by_host" | "on_first_touch";

export interface AttachOptions {
  /** `all` when not given. */
  check?: Check;
  /**
   * The time by which is judged whether the snapshot's declared time is over, in milliseconds since 1970 or as a date;
   * 0 judges nothing. Anything else is refused. `Date.now()` when not given.
   */
  now?: number | Date;
}

/** The configuration of docs/abi.md, `whose_configure`. A member that is not listed is refused. */
export interface Config {
  v?: 1;
  rendering?: "native" | "ocsf" | "ecs" | "splunk";
  detail?: "minimal" | "standard" | "full";
  /** Only these fields, by the names in docs/fields.md. */
  fields?: string[];
  people?: "named" | "pseudonymous";
  /** At least 16 bytes. */
  pseudonym_key?: string;
  ocsf?: { version?: "1.8" | "1.9"; typed_homes?: boolean };
  /** Format → account, cluster, … of events that name none. */
  default_domains?: Record<string, string>;
  /** In-house logs, see docs/formats.md. */
  mappings?: object[];
  /** `whose-public-ed25519:` and base64. They judge snapshots that are attached afterwards. */
  trusted_keys?: string[];
  require_signature?: boolean;
  limits?: { max_event_bytes?: number; max_depth?: number };
}

export interface EnricherOptions {
  /** As an object, or as JSON. */
  config?: Config | string;
  /** A longer snapshot is refused, as soon as its length is known. 2,147,483,647 when not given, the format's limit. */
  maxSnapshotBytes?: number;
  /** How the snapshots are checked that are given with these options. */
  check?: Check;
  /** As in {@link AttachOptions}, for everything that this enricher attaches. */
  now?: number | Date;
  /** Where one line goes about what does not stop events. `console.error` when not given. */
  log?: (message: string) => void;
  /** Another module than the package's, such as one with a snapshot baked in. */
  module?: CompiledModule;
}

/**
 * What `kind` of a {@link WhoseError} can be. The first three have the code 0 and are this package's own; `refused` has a
 * code that this package has no name for; the others are named after the codes of docs/abi.md.
 */
export type ErrorKind =
  | "not_initialized"
  | "freed"
  | "snapshot_unreadable"
  | "refused"
  | "internal"
  | "bad_argument"
  | "configuration_refused"
  | "not_a_snapshot"
  | "unsupported_major"
  | "truncated"
  | "digest_mismatch"
  | "unsigned"
  | "untrusted_signer"
  | "signature_invalid"
  | "rollback"
  | "layout_invalid"
  | "overlay_without_base"
  | "too_many_layers"
  | "unknown_handle"
  | "key_refused"
  | "input_too_large"
  | "expired";

/** What everything here throws. The message says what is wrong, where, and what to do. */
export class WhoseError extends Error {
  constructor(code: number, message: string, more?: { kind?: ErrorKind; cause?: unknown });
  readonly name: "WhoseError";
  /** The number of docs/abi.md; 0 when it did not come from the module. */
  readonly code: number;
  readonly kind: ErrorKind;
}

/** What a lookup came to. */
export type Outcome = "matched" | "retired" | "ambiguous" | "not_found" | "not_found_at_time" | "out_of_scope";

/** A text that an identity is known by. */
export interface Key {
  type: string;
  /** What the value is unique in; absent for global keys. */
  domain?: string;
  value: string;
  /** RFC 3339, as all times here. */
  valid_from?: string;
  valid_to?: string;
}

/** A person or a group. */
export interface Party {
  /** `group:namespace/name` or `user:…` */
  ref: string;
  name?: string;
  contact?: string;
}

export interface Owner extends Party {
  status?: "active" | "departed";
  source?: string;
  as_of?: string;
}

export interface ScopeOwner extends Party {
  provider?: string;
  domain?: string;
  part?: string;
  scope?: string;
}

export type Level = "critical" | "high" | "medium" | "low";

export interface Credential {
  /** Its id, never the secret. */
  uid: string;
  type?: string;
  created?: string;
  last_rotated?: string;
  rotation_age_days?: number;
  max_age_days?: number;
  /** RFC 3339, or `never`. */
  expires?: string;
  last_used?: string;
  status?: string;
  /** Where the secret lives, never the secret. */
  secret_source?: string;
}

export interface Finding {
  name: string;
  owasp?: string;
  severity: Level | "info";
  evidence?: string;
  exception?: { until?: string; reason?: string; in_force?: boolean };
}

export interface Expectation {
  dimension: "network" | "region" | "action" | "user_agent" | "hours" | "workload" | "resource";
  allowed?: string[];
  hours_of_week?: number;
  basis?: "declared" | "observed";
  window_days?: number;
  samples?: number;
}

export interface Deviation {
  dimension: Expectation["dimension"];
  seen?: string;
  seen_network?: string;
  expected?: string[];
  basis?: "declared" | "observed";
  window_days?: number;
  samples?: number;
}

export interface Revocation {
  action: string;
  system?: string;
  team?: string;
  expected_minutes?: number;
  runbook?: string;
  breaks?: string[];
}

export interface BlastRadius {
  identities: number;
  accounts?: number;
  environments?: string[];
  teams?: string[];
}

export interface ResponseFacts {
  about?: { role?: string; uid?: string; because?: string };
  context_owner?: string;
  response_owner?: string;
  revocation?: Revocation[];
  escalation_policy?: { system: string; id: string; url?: string };
  blast_radius?: BlastRadius;
}

/** What a snapshot knows of an identity, and of an identity in an event. docs/fields.md has every member. */
export interface Facts {
  uid?: string;
  name?: string;
  kind?: string;
  sub_type?: string;
  provider?: string;
  domain?: string;
  purpose?: string;
  agent?: { framework?: string; parent?: string };
  owner?: Owner;
  sponsor?: Party;
  secondary_owners?: string[];
  scope_owner?: ScopeOwner;
  service?: string;
  vendor?: string;
  environment?: string[];
  criticality?: Level;
  privilege?: { tier?: 0 | 1 | 2 | 3; level?: "admin" | "write" | "read" | "none"; basis?: string[] };
  lifecycle_state?: "disabled" | "dormant" | "deprovisioned";
  retired?: string;
  created?: string;
  last_seen?: string;
  aliases?: Key[];
  lineage?: { created_by?: string; assumable_by?: string[]; can_assume?: string[]; on_behalf_of?: string[] };
  credentials?: Credential[];
  workloads?: string[];
  findings?: Finding[];
}

/** What a lookup finds. A member that is not known is absent. */
export interface IdentityRecord extends Facts {
  behavior?: Expectation[];
  response?: ResponseFacts;
  blast_radius?: BlastRadius;
  [member: string]: unknown;
}

/** Nobody is an answer: `outcome` tells, and `records` is then absent or empty. */
export interface Lookup {
  v: 1;
  outcome: Outcome;
  key: Key;
  records?: IdentityRecord[];
  [member: string]: unknown;
}

/** An identity of an event, in the rendering `native`. */
export interface Identity extends Facts {
  role: "actor" | "effective" | "delegator" | "via" | "target";
  outcome: Outcome;
  acted_as_agent?: boolean;
  key?: Key & { path?: string };
  candidate_count?: number;
  candidates?: { uid: string; name?: string; owner?: string }[];
  credential?: Credential;
  behavior?: { verdict: "expected" | "unexpected" | "no_baseline"; deviations?: Deviation[]; expectations?: Expectation[] };
  [member: string]: unknown;
}

/** The member `whose` that an event gets in the rendering `native`. */
export interface Context {
  v: 1;
  outcome?: "no_identity";
  identities?: Identity[];
  triage?: { priority: Level | "info"; rule?: string; reasons?: string[] };
  response?: ResponseFacts;
  snapshot: {
    id: string;
    digest: string;
    created?: string;
    age_at_event_s?: number;
    fresh?: boolean;
    event_time?: "absent";
    integrity?: "verified" | "by_host" | "unverified";
    layers?: string[];
  };
  [member: string]: unknown;
}

/** A snapshot that is attached. */
export interface Attached {
  handle: number;
  id: string;
  /** `blake3:` and 64 hexadecimal digits. */
  digest: string;
  created: string;
  /** For how long it counts as fresh, in seconds; 0: nothing is declared. */
  valid_for_s: number;
  sequence: number;
  kind: "shard" | "overlay";
  integrity: "verified" | "by_host" | "unverified";
  identities: number;
  keys: number;
  bytes: number;
}

/** Counters since the instance was made. Members may be added. */
export interface Stats {
  lines: number;
  events: number;
  enriched: number;
  unrecognized: number;
  not_json: number;
  not_utf8: number;
  too_large: number;
  too_deep: number;
  no_identity: number;
  forged_removed: number;
  damaged: number;
  outcomes: Record<string, number>;
  verdicts: Record<string, number>;
  priorities: Record<string, number>;
  /** How often the module failed inside itself and was started again; then the other counters begin anew. */
  traps: number;
}

/** What the module sees in an event. */
export interface Observed {
  line: number;
  format?: string;
  time?: string;
  identities?: { role: string; keys: { type: string; domain?: string; value: string }[]; agent?: true }[];
  facts?: Record<string, unknown>;
  [member: string]: unknown;
}

/** One instance of the module with its snapshots. Its memory is its own. */
export class Enricher {
  /**
   * Attaches snapshots, a base before its overlays. In browsers `await init()` before.
   * @throws {WhoseError} when the configuration or a snapshot is refused
   */
  constructor(snapshots?: Bytes | Bytes[], options?: EnricherOptions);

  /** Loads the module if need be, and attaches what the sources give. Rejects with a {@link WhoseError}. */
  static create(sources?: SnapshotSource | SnapshotSource[], options?: EnricherOptions): Promise<Enricher>;

  /** The same, but a snapshot that is missing or refused is told to `log`, and events pass without its context. */
  static open(sources?: SnapshotSource | SnapshotSource[], options?: EnricherOptions): Promise<Enricher>;

  /**
   * One event as an object, as text or as bytes; the same with its context comes back. What is no event, or gets no
   * context, comes back itself. Objects are read by `JSON.stringify` and not changed. Bytes of any kind come back as a new
   * `Uint8Array`, or themselves. In a text, half a character becomes U+FFFD. An object that JSON cannot hold (a cycle, a
   * `BigInt`) comes back itself, with whatever member `whose` it had.
   * @throws {WhoseError} `bad_argument` when bytes are no longer there: a buffer that has been transferred
   */
  enrich(event: string): string;
  enrich<B extends ArrayBufferView | ArrayBufferLike>(event: B): Uint8Array | B;
  enrich<E extends object>(event: E): E & { readonly whose?: Context };
  enrich<E>(event: E): E;

  /**
   * Newline-delimited JSON: one line out for each line in, in order, line ends as they are. When nothing is added,
   * the very bytes that came in.
   */
  enrichNdjson(events: Bytes): Uint8Array;

  /** Who holds a key `TYPE[@DOMAIN]:VALUE`. @throws {WhoseError} `key_refused` when the text is no key */
  lookup(key: string): Lookup;

  /** What the module sees in events, one object a line. */
  keys(events: Bytes | string): Observed[];

  /** Replaces the configuration; it stays when the new one is refused. Attached snapshots stay. */
  configure(config: Config | string): void;

  /** Attaches one more snapshot; its handle. What is attached stays when it is refused. */
  attach(snapshot: Bytes, options?: AttachOptions): number;
  /** The same with one that arrives. An array of bytes is one snapshot in pieces here. */
  attachFrom(source: SnapshotSource, options?: AttachOptions): Promise<number>;

  /**
   * Puts snapshots in the place of all that are attached, or changes nothing. One with a lower sequence than an
   * attached one of the same line is refused. An overlay's base has to be among the new ones, before it. Old and new are
   * in memory for a moment, 64 together at most.
   */
  swap(snapshots: Bytes | Bytes[], options?: AttachOptions): number[];
  /** The same with snapshots that arrive. An array is several snapshots. */
  swapFrom(sources: SnapshotSource | SnapshotSource[], options?: AttachOptions): Promise<number[]>;

  /** As `swapFrom`; what is wrong is told to `log`. Whether the new snapshots are attached. */
  reload(sources: SnapshotSource | SnapshotSource[], options?: AttachOptions): Promise<boolean>;

  detach(handle: number): void;
  snapshots(): Attached[];
  stats(): Stats;

  /** Bytes of the instance's memory: it grows and never shrinks. `free` gives it back. */
  readonly memoryBytes: number;

  /** Lets go of everything. Whatever is called afterwards throws, but for `free`. */
  free(): void;
  /** The same, for `using`. Only where the host has `Symbol.dispose`. */
  [Symbol.dispose](): void;
}

/**
 * Loads the package's module, or another one in its place for everything that is made afterwards. Only browsers have to
 * wait for it; elsewhere it is there at once.
 */
export function init(
  module?: CompiledModule | Bytes | Global<"Response"> | Promise<CompiledModule | Bytes | Global<"Response">>,
): Promise<void>;
