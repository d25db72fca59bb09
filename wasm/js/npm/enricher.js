/**
 * The enricher: one instance of the module, the snapshots in it, and what happens when it fails.
 */

import { instantiate } from "./core.js";
import { fit, isRefusal, told, WhoseError } from "./errors.js";
import { asBytes, pour } from "./source.js";

/** Longest batch that the module gets at once; a longer one is cut at line ends. */
const PIECE = 4 << 20;
/** More than this the module takes of nothing. */
const MOST = 1 << 30;
/** Greatest length of a snapshot that the format allows. */
const MAX_SNAPSHOT_BYTES = 2 ** 31 - 1;
const LINE_END = 10;

const OPTIONS = ["module", "config", "maxSnapshotBytes", "now", "check", "log"];
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
    /** How many of the module's first layers were baked in. */
    #baked = 0;
    /** @type {string | undefined} */
    #config;
    #most;
    /** @type {() => number} */
    #now;
    /** @type {(message: string) => void} */
    #log;
    #traps = 0;

    constructor(/** @type {any} */ snapshots, /** @type {any} */ options = {}) {
      const {
        module = modules.ready(),
        config,
        maxSnapshotBytes = MAX_SNAPSHOT_BYTES,
        now,
        check,
        log = (/** @type {string} */ message) => console.error(message),
      } = options;
      for (const name of Object.keys(options)) {
        if (!OPTIONS.includes(name)) {
          throw new WhoseError(-2, `options are refused: there is no option ${name}`);
        }
      }
      if (!module) {
        throw new WhoseError(0, "the module is not loaded; `await init()` once before, or use Enricher.create", {
          kind: "not_initialized",
        });
      }
      if (!(module instanceof WebAssembly.Module)) {
        throw new WhoseError(-2, "options.module is not a WebAssembly.Module; compile the bytes first");
      }
      if (!(maxSnapshotBytes >= 0)) {
        throw new WhoseError(-2, "options.maxSnapshotBytes is not a number of bytes");
      }
      if (typeof log !== "function") {
        throw new WhoseError(-2, "options.log is not a function");
      }
      this.#module = module;
      this.#most = Math.min(maxSnapshotBytes, MAX_SNAPSHOT_BYTES);
      this.#now = now === undefined ? () => Date.now() : () => Number(now);
      this.#log = (message) => log(`whose: ${message}`);
      this.#start();
      try {
        this.#attachBaked();
      } catch (error) {
        if (!options[LENIENT]) {
          throw error;
        }
        this.#log(`a snapshot that was baked in is refused, events pass without its context: ${told(error)}`);
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
      const enricher = await Enricher.#empty(options);
      const { check } = options;
      try {
        for (const source of sources === undefined ? [] : listed(sources)) {
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
      const enricher = await Enricher.#empty({ ...options, [LENIENT]: true });
      const { check } = options;
      for (const source of sources === undefined ? [] : listed(sources)) {
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

    static async #empty(/** @type {any} */ options) {
      const module = options.module ?? (await modules.load());
      return new Enricher(undefined, { ...options, module });
    }

    /** Reads a configuration; the old one stays when it is refused. */
    configure(/** @type {any} */ config) {
      let json;
      try {
        json = typeof config === "string" ? config : JSON.stringify(config);
      } catch (error) {
        throw new WhoseError(-3, `configuration cannot be written as JSON: ${told(error)}`, { cause: error });
      }
      this.#run((core) => core.configure(json ?? "null"));
      this.#config = json;
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
        for (const source of listed(sources)) {
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
      const layer = this.#layers.find((layer) => layer.handle === handle);
      this.#run((core) => {
        if (!layer) {
          throw { code: -15, message: `no snapshot has the handle ${String(handle)}` };
        }
        core.detach(layer.at);
      });
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
        throw new WhoseError(-2, `enrichNdjson takes bytes, got a ${typeof ndjson}`);
      }
      if (bytes.length <= PIECE) {
        return this.#enrichBytes(bytes) ?? bytes;
      }
      const parts = [];
      let total = 0;
      for (const piece of pieces(bytes)) {
        const part = this.#enrichBytes(piece) ?? piece;
        parts.push(part);
        total += part.length;
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
      const bytes = typeof ndjson === "string" ? encoder.encode(ndjson) : asBytes(ndjson);
      if (!bytes) {
        throw new WhoseError(-2, `keys takes bytes or text, got a ${typeof ndjson}`);
      }
      const text = this.#run((core) => core.keys(bytes));
      return text
        .split("\n")
        .filter((/** @type {string} */ line) => line !== "")
        .map((/** @type {string} */ line) => JSON.parse(line));
    }

    /** Who holds a key. Nobody is an answer; text that is no key is not. */
    lookup(/** @type {string} */ key) {
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
      this.#instance = instance;
      this.#core = new instance.Core();
    }

    #attachBaked() {
      try {
        this.#run((core) => core.attach_baked());
      } finally {
        // Those before the one that was refused are attached.
        /** @type {{ handle: number }[]} */
        const places = this.#core.places();
        this.#layers = places.map(({ handle: at }) => this.#layer(at, 0));
        this.#baked = places.length;
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
        this.#recover(thrown);
        throw new WhoseError(-1, `the module failed inside itself and was started again: ${told(thrown)}`, {
          cause: thrown,
        });
      }
    }

    /** Starts another instance and puts into it what was in the one that failed. */
    #recover(/** @type {unknown} */ thrown) {
      this.#traps += 1;
      this.#log(`the module failed inside itself and is started again: ${told(thrown)}`);
      const memory = /** @type {any} */ (this.#instance).memory;
      const layers = this.#layers;
      const baked = this.#baked;
      try {
        this.#layers = [];
        this.#start();
        const core = this.#core;
        const has = new Set(layers.filter(({ address }) => address === 0).map(({ at }) => at));
        if (has.size > 0) {
          // Baked in, and so the first of their instance, in the same order.
          core.attach_baked();
          for (let at = baked - 1; at >= 0; at -= 1) {
            if (!has.has(at)) {
              core.detach(at);
            }
          }
        }
        if (this.#config !== undefined) {
          core.configure(this.#config);
        }
        for (const layer of layers) {
          if (layer.address !== 0) {
            const bytes = new Uint8Array(memory.buffer, layer.address, layer.length);
            // Judged by the time before: a snapshot that ran out since then was attached all the same.
            const at = core.attach(this.#take(bytes, MAX_SNAPSHOT_BYTES), layer.flags, 0);
            this.#layers.push({ ...this.#layer(at, layer.flags), handle: layer.handle });
          } else {
            this.#layers.push(layer);
          }
        }
      } catch (error) {
        const reason = isRefusal(error) ? fit(error.message) : told(error);
        this.#log(`not all snapshots could be attached again, events pass without their context: ${reason}`);
      }
    }

    /** A layer of the module as the program knows it. */
    #layer(/** @type {number} */ at, /** @type {number} */ flags) {
      /** @type {{ handle: number, address: number, length: number }[]} */
      const places = this.#core.places();
      const { address = 0, length = 0 } = places.find((place) => place.handle === at) ?? {};
      const handle = this.#nextHandle;
      this.#nextHandle += 1;
      return { handle, at, address: address >>> 0, length, flags };
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
      return this.#layers.map(({ handle }) => handle);
    }

    /** Options as the module takes them. */
    #settings(/** @type {any} */ options) {
      this.#alive();
      const { now = this.#now(), check = "all", ...others } = options;
      for (const name of Object.keys(others)) {
        throw new WhoseError(-2, `options are refused: there is no option ${name}`);
      }
      const flags = CHECKS.indexOf(check);
      if (flags < 0) {
        throw new WhoseError(-2, `options are refused: check is ${String(check)}, it can be ${CHECKS.join(", ")}`);
      }
      // What is no time judges nothing.
      return { flags, now: Number(now) || 0 };
    }

    /** Bytes, copied into the module's memory. */
    #take(/** @type {unknown} */ given, most = this.#most) {
      const bytes = asBytes(given);
      if (!bytes) {
        throw new WhoseError(-2, `a snapshot is bytes, got a ${typeof given}; for streams there are attachFrom and swapFrom`);
      }
      if (bytes.length > most) {
        throw tooLong(bytes.length, most);
      }
      this.#alive();
      const incoming = new (/** @type {any} */ (this.#instance).Incoming)(most);
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
      // Half a character cannot be passed on, and a text with one is no JSON that others could read.
      if (!isWellFormed(text)) {
        return undefined;
      }
      return this.#flowing((core) => core.enrich_text(text));
    }

    /** Whatever goes wrong is logged; events flow. */
    #flowing(/** @type {(core: any) => any} */ work) {
      try {
        return this.#run(work);
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

/** @returns {boolean} */
function isWellFormed(/** @type {any} */ text) {
  return typeof text.isWellFormed === "function" ? text.isWellFormed() : !/\p{Surrogate}/u.test(text);
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
