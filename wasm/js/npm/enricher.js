/**
 * The enricher: one instance of the module, the snapshots in it, and what happens when it fails.
 */

import { instantiate } from "./core.js";
import { badArgument, isRefusal, told, WhoseError } from "./errors.js";
import { asBytes, patient, pour } from "./source.js";

/** Longest batch that the module gets at once; a longer one is cut at line ends. */
const PIECE = 4 << 20;
/** More than this the module takes of nothing. */
const MOST = 1 << 30;
/** Greatest length of a snapshot that the format allows. */
const MAX_SNAPSHOT_BYTES = 2 ** 31 - 1;
const LINE_END = 10;

const OPTIONS = ["module", "config", "maxSnapshotBytes", "now", "check", "log"];
const ATTACH_OPTIONS = ["now", "check"];
/** By the flags of `whose_attach`. */
const CHECKS = ["all", "by_host", "on_first_touch"];
const encoder = new TextEncoder();
/** For options: a snapshot that was baked in and is refused is logged, not thrown. */
const LENIENT = Symbol("lenient");

/**
 * One snapshot that is attached.
 * @typedef {object} Layer
 * @property {number} handle what the program knows it by
 * @property {number} at what the module knows it by; another one after a trap
 * @property {number} address where its bytes lie; 0 for one that was baked in
 * @property {number} length
 * @property {number} flags how it was checked
 * @property {string | undefined} config what was in force then
 */

/**
 * The classes of an entry, whose module comes from `modules`.
 * @param {{ ready: () => WebAssembly.Module | undefined, load: (from?: unknown) => Promise<WebAssembly.Module> }} modules
 */
export function define(modules) {
  /** Makes the module ready. */
  async function init(/** @type {unknown} */ from) {
    await modules.load(from);
  }

  class Enricher {
    /** @type {WebAssembly.Module} */
    #module;
    /** @type {ReturnType<typeof instantiate> | undefined} */
    #instance;
    /** @type {any} */
    #core;
    /** @type {Layer[]} */
    #layers = [];
    #nextHandle = 0;
    /** The program's configuration; without one, the module's own is in force. */
    /** @type {string | undefined} */
    #config;
    /** Whether the configuration is in force. When it could not be restored, nothing gets a context by another one. */
    #isConfigured = true;
    #most;
    /** @type {() => number} */
    #now;
    /** @type {(message: string) => void} */
    #log;
    #traps = 0;
    /** How many events were passed because of damage, when that was last told. */
    #damaged = 0;
    #isDamageTold = false;

    constructor(/** @type {any} */ snapshots, /** @type {any} */ options = {}) {
      const { module = modules.ready(), config, maxSnapshotBytes, now, check, log } = judged(options);
      if (!module) {
        throw new WhoseError(0, "the module is not loaded; `await init()` once before, or use Enricher.create", {
          kind: "not_initialized",
        });
      }
      this.#module = module;
      this.#most = Math.min(maxSnapshotBytes ?? MAX_SNAPSHOT_BYTES, MAX_SNAPSHOT_BYTES);
      const time = milliseconds(now);
      this.#now = () => time ?? Date.now();
      this.#log = quietly(log ?? ((/** @type {string} */ message) => console.error(message)));
      try {
        this.#start();
      } catch (error) {
        throw isForeign(error)
          ? badArgument(`options.module is not a module of this package: ${told(error)}`, error)
          : new WhoseError(-1, `the module could not be started: ${told(error)}`, { cause: error });
      }
      try {
        this.#attachBaked();
      } catch (error) {
        if (!options[LENIENT]) {
          throw error;
        }
        this.#isConfigured = !isUnconfigured(error);
        this.#log(`what was baked in is refused, events pass without its context: ${told(error)}`);
      }
      if (config !== undefined) {
        this.configure(config);
      }
      for (const bytes of snapshots === undefined ? [] : listed(snapshots)) {
        this.attach(bytes, check === undefined ? {} : { check });
      }
    }

    /** Loads the module if need be, and attaches what the sources give. */
    static async create(/** @type {any} */ sources, /** @type {any} */ options = {}) {
      const all = sources === undefined ? [] : patient(listed(sources));
      const enricher = await Enricher.#empty(options);
      const { check } = options;
      try {
        for (const source of all) {
          await enricher.attachFrom(source, check === undefined ? {} : { check });
        }
      } catch (error) {
        enricher.free();
        throw error;
      }
      return enricher;
    }

    /** The same, but what is wrong with a snapshot is logged, and events pass without its context. */
    static async open(/** @type {any} */ sources, /** @type {any} */ options = {}) {
      const all = sources === undefined ? [] : patient(listed(sources));
      const enricher = await Enricher.#empty(options, { [LENIENT]: true });
      const { check } = options;
      for (const source of all) {
        try {
          await enricher.attachFrom(source, check === undefined ? {} : { check });
        } catch (error) {
          enricher.#log(
            `snapshot not attached${codes(error)}, events pass without its context: ${told(error)}`,
          );
        }
      }
      return enricher;
    }

    static async #empty(/** @type {any} */ options, more = {}) {
      const module = judged(options).module ?? (await modules.load());
      return new Enricher(undefined, { ...options, ...more, module });
    }

    /** Reads a configuration; the old one stays when it is refused. */
    configure(/** @type {any} */ config) {
      this.#alive();
      if (typeof config !== "string" && !isPlain(config)) {
        throw badArgument(`a configuration is a plain object or JSON, got ${named(config)}`);
      }
      /** @type {string} */
      let json;
      try {
        json = typeof config === "string" ? config : (JSON.stringify(config) ?? "null");
      } catch (error) {
        throw new WhoseError(-3, `configuration cannot be written as JSON: ${told(error)}`, { cause: error });
      }
      this.#run((core) => core.configure(json));
      this.#config = json;
      this.#isConfigured = true;
    }

    /** Attaches a snapshot; returns its handle. */
    attach(/** @type {any} */ bytes, /** @type {any} */ options = {}) {
      const settings = this.#settings(options);
      const incoming = this.#take(bytes);
      const at = this.#run((core) => core.attach(incoming, settings.flags, settings.now));
      return this.#attached(at, settings.flags);
    }

    /** Attaches a snapshot that arrives piece by piece. */
    async attachFrom(/** @type {any} */ source, /** @type {any} */ options = {}) {
      const settings = this.#settings(options);
      const incoming = await this.#receive(source);
      const at = this.#run((core) => core.attach(incoming, settings.flags, settings.now));
      return this.#attached(at, settings.flags);
    }

    /** Puts snapshots in the place of all that are attached, or changes nothing. */
    swap(/** @type {any} */ snapshots, /** @type {any} */ options = {}) {
      const settings = this.#settings(options);
      const incoming = [];
      try {
        for (const bytes of listed(snapshots)) {
          incoming.push(this.#take(bytes));
        }
      } catch (error) {
        letGo(incoming);
        throw error;
      }
      return this.#swapped(incoming, settings);
    }

    /** The same with snapshots that arrive piece by piece. */
    async swapFrom(/** @type {any} */ sources, /** @type {any} */ options = {}) {
      const settings = this.#settings(options);
      const incoming = [];
      const instance = this.#instance;
      try {
        for (const source of patient(listed(sources))) {
          incoming.push(await this.#receive(source));
        }
        this.#sameAs(instance);
      } catch (error) {
        letGo(incoming);
        throw error;
      }
      return this.#swapped(incoming, settings);
    }

    /** The same; what is wrong with a snapshot is logged. Returns whether the new ones are attached. */
    async reload(/** @type {any} */ sources, /** @type {any} */ options = {}) {
      this.#settings(options);
      try {
        await this.swapFrom(sources, options);
        return true;
      } catch (error) {
        if (error instanceof WhoseError && error.kind === "freed") {
          throw error;
        }
        this.#log(`snapshot not replaced${codes(error)}, what was attached stays: ${told(error)}`);
        return false;
      }
    }

    /** Detaches a snapshot. */
    detach(/** @type {number} */ handle) {
      this.#alive();
      const layer = this.#layers.find((layer) => layer.handle === handle);
      if (!layer) {
        throw new WhoseError(-15, `no snapshot has the handle ${typeof handle === "number" ? handle : named(handle)}`);
      }
      this.#run((core) => core.detach(layer.at));
      this.#layers = this.#layers.filter((other) => other !== layer);
    }

    /** One event with its context; the event itself when nothing is added. */
    enrich(/** @type {any} */ event) {
      this.#alive();
      if (typeof event === "string") {
        return this.#enrichText(event) ?? event;
      }
      const bytes = asBytes(event);
      if (bytes) {
        return this.#enrichBytes(bytes) ?? event;
      }
      if (typeof event !== "object" || event === null) {
        return event;
      }
      let text;
      try {
        text = JSON.stringify(event);
      } catch {
        // A cycle, or a number that JSON has not: no event, so it leaves as it came.
        return event;
      }
      const enriched = typeof text === "string" ? this.#enrichText(text) : undefined;
      return enriched === undefined ? event : JSON.parse(enriched);
    }

    /** Lines of events with their contexts; the very bytes when nothing is added. */
    enrichNdjson(/** @type {any} */ ndjson) {
      this.#alive();
      const bytes = asBytes(ndjson);
      if (!bytes) {
        throw badArgument(`enrichNdjson takes bytes, got ${named(ndjson)}`);
      }
      const given = ndjson instanceof Uint8Array ? ndjson : bytes;
      if (bytes.length <= PIECE) {
        return this.#enrichBytes(bytes) ?? given;
      }
      const parts = [];
      let total = 0;
      let isSame = true;
      for (const piece of pieces(bytes)) {
        const enriched = this.#enrichBytes(piece);
        isSame &&= enriched === undefined;
        const part = enriched ?? piece;
        parts.push(part);
        total += part.length;
      }
      if (isSame) {
        return given;
      }
      const all = new Uint8Array(total);
      let at = 0;
      for (const part of parts) {
        all.set(part, at);
        at += part.length;
      }
      return all;
    }

    /** What the module sees in events: keys of identities, and what behaviour is judged by. */
    keys(/** @type {any} */ ndjson) {
      this.#alive();
      const bytes = typeof ndjson === "string" ? encoder.encode(ndjson) : asBytes(ndjson);
      if (!bytes) {
        throw badArgument(`keys takes bytes or text, got ${named(ndjson)}`);
      }
      const text = this.#run((core) => core.keys(bytes));
      return text
        .split("\n")
        .filter((/** @type {string} */ line) => line !== "")
        .map((/** @type {string} */ line) => JSON.parse(line));
    }

    /** Who holds a key. Nobody is an answer; text that is no key is not. */
    lookup(/** @type {string} */ key) {
      this.#alive();
      if (typeof key !== "string") {
        throw new WhoseError(-16, `a key is text of the form TYPE[@DOMAIN]:VALUE, got a ${typeof key}`);
      }
      return JSON.parse(this.#run((core) => core.lookup(key)));
    }

    /** What is attached, in the order of attaching. */
    snapshots() {
      /** @type {any[]} */
      const all = JSON.parse(this.#run((core) => core.snapshots()));
      return all.map(({ layer, ...facts }) => ({
        handle: this.#layers.find(({ at }) => at === layer)?.handle ?? -1,
        ...facts,
      }));
    }

    /** What happened since the instance was made. */
    stats() {
      return { ...JSON.parse(this.#run((core) => core.stats())), traps: this.#traps };
    }

    /** Bytes of the instance's memory. It grows and never shrinks; `free` gives it back. */
    get memoryBytes() {
      this.#alive();
      return /** @type {any} */ (this.#instance).memory.buffer.byteLength;
    }

    /** Lets go of the instance with all that is attached. Whatever is called afterwards throws. */
    free() {
      // The instance has its memory for itself: nobody else holds it.
      this.#instance = undefined;
      this.#core = undefined;
      this.#layers = [];
    }

    // -- within --

    #start() {
      const instance = instantiate(this.#module);
      const core = new instance.Core();
      // A module of another version may lack this.
      this.#damaged = core.damaged();
      this.#instance = instance;
      this.#core = core;
    }

    #attachBaked() {
      try {
        this.#run((core) => core.attach_baked());
      } finally {
        /** @type {{ handle: number }[]} */
        const places = this.#core.places();
        this.#layers = places.map(({ handle: at }) => this.#layer(at, 0));
      }
    }

    #alive() {
      if (!this.#core) {
        throw new WhoseError(0, "the enricher has been freed; make another one", { kind: "freed" });
      }
    }

    /** Runs something in the module; what it throws becomes one of ours. */
    #run(/** @type {(core: any) => any} */ work) {
      this.#alive();
      try {
        return work(this.#core);
      } catch (thrown) {
        if (isRefusal(thrown)) {
          throw new WhoseError(thrown.code, thrown.message);
        }
        const lost = this.#recover();
        if (lost !== undefined) {
          this.#log(`the module failed inside itself and was started again, events pass without the context of what was lost: ${lost}`);
        }
        throw new WhoseError(-1, `the module failed inside itself and was started again: ${told(thrown)}`, {
          cause: thrown,
        });
      }
    }

    /** Starts another instance and puts into it what was in the one that failed. What could not be had again is told. */
    #recover() {
      this.#traps += 1;
      const { memory } = /** @type {any} */ (this.#instance);
      const layers = this.#layers;
      try {
        return this.#restore(layers, memory);
      } catch (error) {
        const reason = reasonOf(error);
        try {
          // It failed once more, such as for want of memory: without snapshots, then.
          this.#restore([], memory);
          return `all snapshots, ${reason}`;
        } catch (again) {
          this.#layers = [];
          this.#isConfigured = false;
          return `all snapshots and the configuration, ${reasonOf(again)}`;
        }
      }
    }

    /**
     * Each layer is attached under the configuration that it was accepted under, and then the newest is in force.
     * @param {Layer[]} layers
     * @param {WebAssembly.Memory} memory where their bytes are
     */
    #restore(layers, memory) {
      this.#layers = [];
      this.#isConfigured = false;
      this.#start();
      const core = this.#core;
      /** @type {string[]} */
      const lost = [];
      const attempt = (/** @type {() => void} */ work) => {
        try {
          work();
          return true;
        } catch (error) {
          if (!isRefusal(error)) {
            throw error;
          }
          lost.push(reasonOf(error));
          return false;
        }
      };
      // With its configuration, which stays in force whatever becomes of the snapshots.
      const baked = new Set(layers.filter(({ address }) => address === 0).map(({ at }) => at));
      let reason = "";
      try {
        core.attach_baked();
      } catch (error) {
        if (!isRefusal(error) || (isUnconfigured(error) && this.#config === undefined)) {
          throw error;
        }
        reason = reasonOf(error);
      }
      /** @type {number[]} */
      const there = core.places().map((/** @type {{ handle: number }} */ place) => place.handle);
      lost.push(...[...baked].filter((at) => !there.includes(at)).map(() => reason));
      const gone = there.filter((at) => !baked.has(at)).reverse();
      const inUse = gone.filter((at) => !attempt(() => core.detach(at)) && lost.pop() !== undefined);
      let config;
      for (const layer of layers) {
        if (layer.address === 0) {
          if (there.includes(layer.at)) {
            this.#layers.push(layer);
          }
          continue;
        }
        if (layer.config !== config) {
          core.configure(layer.config);
          config = layer.config;
        }
        attempt(() => {
          const incoming = new (/** @type {any} */ (this.#instance).Incoming)(MAX_SNAPSHOT_BYTES);
          incoming.push(new Uint8Array(memory.buffer, layer.address, layer.length));
          // Judged by the time before: a snapshot that ran out since then was attached all the same.
          const at = core.attach(incoming, layer.flags, 0);
          this.#layers.push({ ...this.#layer(at, layer.flags), handle: layer.handle, config: layer.config });
        });
      }
      // What stood on one of these stands on a copy of it now.
      for (const at of inUse) {
        attempt(() => core.detach(at));
      }
      if (this.#config !== config) {
        core.configure(this.#config);
      }
      this.#isConfigured = true;
      return lost.length > 0 ? `${lost.length} of ${layers.length} snapshots, ${lost[0]}` : undefined;
    }

    /** Snapshots are judged by the configuration, and events get their context by it. */
    #configured() {
      if (!this.#isConfigured) {
        try {
          this.#restore([], /** @type {any} */ (this.#instance).memory);
        } catch (error) {
          throw new WhoseError(
            isRefusal(error) ? error.code : -1,
            `the configuration is not in force, events pass without context: ${reasonOf(error)}`,
            { cause: error },
          );
        }
      }
    }

    /** A layer of the module as the program knows it. */
    #layer(/** @type {number} */ at, /** @type {number} */ flags) {
      /** @type {{ handle: number, address: number, length: number }[]} */
      const places = this.#core.places();
      const { address = 0, length = 0 } = places.find((place) => place.handle === at) ?? {};
      const handle = this.#nextHandle;
      this.#nextHandle += 1;
      return { handle, at, address: address >>> 0, length, flags, config: this.#config };
    }

    #attached(/** @type {number} */ at, /** @type {number} */ flags) {
      const layer = this.#layer(at, flags);
      this.#layers.push(layer);
      return layer.handle;
    }

    #swapped(/** @type {any[]} */ incoming, /** @type {{ flags: number, now: number }} */ settings) {
      /** @type {Int32Array} */
      const handles = this.#run((core) => core.swap(incoming, settings.flags, settings.now));
      this.#layers = Array.from(handles, (at) => this.#layer(at, settings.flags));
      this.#damaged = this.#core.damaged();
      this.#isDamageTold = false;
      return this.#layers.map(({ handle }) => handle);
    }

    /** Options as the module takes them. */
    #settings(/** @type {any} */ options) {
      this.#alive();
      const { now, check = "all" } = judged(options, ATTACH_OPTIONS);
      this.#configured();
      return { flags: CHECKS.indexOf(check), now: milliseconds(now) ?? this.#now() };
    }

    /** Bytes, copied into the module's memory. */
    #take(/** @type {unknown} */ given) {
      const bytes = asBytes(given);
      if (!bytes) {
        throw badArgument(`a snapshot is bytes, got ${named(given)}; for streams there are attachFrom and swapFrom`);
      }
      if (bytes.length > this.#most) {
        throw tooLong(bytes.length, this.#most);
      }
      this.#alive();
      const incoming = new (/** @type {any} */ (this.#instance).Incoming)(this.#most);
      this.#push(incoming, bytes);
      return incoming;
    }

    async #receive(/** @type {unknown} */ source) {
      this.#alive();
      const instance = this.#instance;
      const incoming = new (/** @type {any} */ (instance).Incoming)(this.#most);
      try {
        await pour(source, (piece) => {
          this.#sameAs(instance);
          if (piece.length > this.#most) {
            throw tooLong(piece.length, this.#most);
          }
          this.#push(incoming, piece);
        });
        this.#sameAs(instance);
      } catch (error) {
        letGo([incoming]);
        throw error;
      }
      return incoming;
    }

    /** Whether the instance is still the one that something began with. */
    #sameAs(/** @type {unknown} */ instance) {
      this.#alive();
      if (this.#instance !== instance) {
        throw new WhoseError(-1, "the module was started again while the snapshot arrived; attach it once more");
      }
    }

    #push(/** @type {any} */ incoming, /** @type {Uint8Array} */ bytes) {
      try {
        this.#run(() => incoming.push(bytes));
      } catch (error) {
        letGo([incoming]);
        throw error;
      }
    }

    /** Nothing when it comes out as it went in, and when it cannot be enriched. */
    #enrichBytes(/** @type {Uint8Array} */ bytes) {
      if (bytes.length > MOST) {
        this.#log(`a line of ${bytes.length} bytes leaves as it came: longer than ${MOST}`);
        return undefined;
      }
      return this.#flowing((core) => core.enrich(bytes));
    }

    #enrichText(/** @type {string} */ text) {
      // Half a character becomes U+FFFD on the way in: nobody could read it.
      return this.#flowing((core) => core.enrich_text(text));
    }

    /** Whatever goes wrong is logged; events flow. */
    #flowing(/** @type {(core: any) => any} */ work) {
      if (!this.#isConfigured) {
        return undefined;
      }
      try {
        const enriched = this.#run(work);
        const damaged = this.#core.damaged();
        if (damaged > this.#damaged) {
          this.#damaged = damaged;
          if (!this.#isDamageTold) {
            this.#isDamageTold = true;
            this.#log("an attached snapshot is damaged, events pass without its context; replace it (stats().damaged counts them)");
          }
        }
        return enriched;
      } catch (error) {
        this.#log(`events leave as they came: ${told(error)}`);
        return undefined;
      }
    }
  }

  if (typeof Symbol.dispose === "symbol") {
    Object.defineProperty(Enricher.prototype, Symbol.dispose, {
      value: Enricher.prototype.free,
      writable: true,
      configurable: true,
    });
  }
  return { Enricher, init };
}

/** @returns {any[]} */
function listed(/** @type {any} */ one) {
  return Array.isArray(one) ? one : [one];
}

function letGo(/** @type {any[]} */ incoming) {
  for (const one of incoming) {
    // What failed inside the module is gone with it.
    try {
      if (one.__wbg_ptr) {
        one.free();
      }
    } catch {
      continue;
    }
  }
}

function codes(/** @type {unknown} */ error) {
  return error instanceof WhoseError ? ` (${error.kind}, ${error.code})` : "";
}

function tooLong(/** @type {number} */ bytes, /** @type {number} */ most) {
  return new WhoseError(
    -17,
    `snapshot has ${bytes} bytes, the host allows ${most}; raise its limit (maxSnapshotBytes), or build a shard for each pipeline`,
  );
}

/**
 * Options whose names and values are looked at.
 * @returns {any}
 */
function judged(/** @type {any} */ options, names = OPTIONS) {
  if (typeof options !== "object" || options === null) {
    throw badArgument(`options are refused: they are an object, got ${named(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      throw badArgument(`options are refused: there is no option ${name}; there are ${names.join(", ")}`);
    }
  }
  const { module, config, maxSnapshotBytes, now, check, log } = options;
  if (module !== undefined && !(module instanceof WebAssembly.Module)) {
    throw badArgument("options.module is not a WebAssembly.Module; compile the bytes first");
  }
  if (config !== undefined && typeof config !== "string" && !isPlain(config)) {
    throw badArgument(`options.config is a plain object or JSON, got ${named(config)}`);
  }
  if (maxSnapshotBytes !== undefined && !(typeof maxSnapshotBytes === "number" && maxSnapshotBytes >= 0)) {
    throw badArgument(`options.maxSnapshotBytes is a number of bytes, got ${named(maxSnapshotBytes)}`);
  }
  if (check !== undefined && !CHECKS.includes(check)) {
    throw badArgument(`options.check is ${CHECKS.join(", ")}, got ${typeof check === "string" ? check : named(check)}`);
  }
  if (log !== undefined && typeof log !== "function") {
    throw badArgument(`options.log is a function, got ${named(log)}`);
  }
  milliseconds(now);
  return options;
}

/**
 * A time as the module takes it; nothing when none is given.
 * @returns {number | undefined}
 */
function milliseconds(/** @type {any} */ now) {
  if (now === undefined) {
    return undefined;
  }
  const time = now instanceof Date ? now.getTime() : now;
  if (typeof time !== "number" || !Number.isFinite(time) || time < 0) {
    throw badArgument(
      `options.now is milliseconds since 1970 or a date, 0 to judge nothing; got ${typeof time === "number" ? time : named(now)}`,
    );
  }
  return Math.trunc(time);
}

function isPlain(/** @type {any} */ value) {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const above = Object.getPrototypeOf(value);
  return above === null || (Object.getPrototypeOf(above) === null && Object.hasOwn(above, "hasOwnProperty"));
}

/** What something is, for messages: never what it says of itself. */
function named(/** @type {unknown} */ value) {
  return value === null ? "null" : Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}

/** Whether a module does not fit this package. */
function isForeign(/** @type {unknown} */ error) {
  return error instanceof WebAssembly.LinkError || error instanceof TypeError || error instanceof ReferenceError;
}

/** Whether what was baked in was refused before its configuration was in force. */
function isUnconfigured(/** @type {any} */ error) {
  return error.code === -3 || error.code === -2;
}

function reasonOf(/** @type {unknown} */ error) {
  return told(isRefusal(error) ? error.message : error);
}

/** A log that cannot stop anything. */
function quietly(/** @type {(message: string) => any} */ log) {
  return (/** @type {string} */ message) => {
    try {
      const said = log(`whose: ${message}`);
      if (said instanceof Promise) {
        said.catch(() => {});
      }
    } catch {
      // There is nobody left to tell.
    }
  };
}

/** A batch in pieces that end where lines do. A line that is longer is a piece of its own. */
function* pieces(/** @type {Uint8Array} */ bytes) {
  let at = 0;
  while (at < bytes.length) {
    let end = at + PIECE;
    if (end < bytes.length) {
      const last = bytes.lastIndexOf(LINE_END, end - 1);
      const next = last >= at ? last : bytes.indexOf(LINE_END, end);
      end = next < 0 ? bytes.length : next + 1;
    } else {
      end = bytes.length;
    }
    yield bytes.subarray(at, end);
    at = end;
  }
}
