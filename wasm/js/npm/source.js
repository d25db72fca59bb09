/**
 * Where snapshots come from: bytes, or something that gives them piece by piece.
 */

import { badArgument, told, WhoseError } from "./errors.js";

/** What a view says of itself, whatever a subclass makes of it. */
const VIEW = Object.getPrototypeOf(Uint8Array.prototype);
const of = (/** @type {string} */ name) =>
  /** @type {(this: unknown) => any} */ (Object.getOwnPropertyDescriptor(VIEW, name)?.get);
const [bufferOf, offsetOf, lengthOf] = [of("buffer"), of("byteOffset"), of("byteLength")];

/**
 * Bytes as the module takes them, without a copy; nothing when it is something else. Bytes that are no longer there are a
 * wrong argument.
 * @param {unknown} value
 * @returns {Uint8Array | undefined}
 */
export function asBytes(value) {
  try {
    if (!ArrayBuffer.isView(value)) {
      const isBuffer =
        value instanceof ArrayBuffer ||
        (typeof SharedArrayBuffer === "function" && value instanceof SharedArrayBuffer);
      return isBuffer ? new Uint8Array(/** @type {ArrayBuffer} */ (value)) : undefined;
    }
    if (value instanceof DataView) {
      return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    }
    if (lengthOf.call(value) === 0) {
      // Of no length, or of a buffer that has been transferred or has shrunk: then this throws.
      VIEW.keys.call(value);
    }
    return Object.getPrototypeOf(value) === Uint8Array.prototype
      ? /** @type {Uint8Array} */ (value)
      : new Uint8Array(bufferOf.call(value), offsetOf.call(value), lengthOf.call(value));
  } catch (error) {
    throw badArgument(`bytes are not there: their buffer has been transferred or has shrunk (${told(error)})`, error);
  }
}

/**
 * Sources, each of which is waited for in its turn: one that fails before that waits with its failure, and does not end the
 * program.
 * @param {any[]} sources
 */
export function patient(sources) {
  const ignore = () => {};
  const one = (/** @type {any} */ source) => {
    try {
      if (source instanceof Promise) {
        source.then(one, ignore);
      } else if (typeof source?.on === "function" && typeof source.pipe === "function") {
        // A stream of Node keeps its error for who reads it.
        source.on("error", ignore);
      }
    } catch {
      // Whoever reads it hears of it.
    }
  };
  sources.forEach(one);
  return sources;
}

/**
 * @param {string} what
 * @param {unknown} [cause]
 */
function unreadable(what, cause) {
  const more = cause === undefined ? {} : { cause };
  return new WhoseError(0, `snapshot could not be read: ${what}`, {
    kind: "snapshot_unreadable",
    ...more,
  });
}

/**
 * Calls `push` with each piece of what a source gives.
 * @param {unknown} source
 * @param {(piece: Uint8Array) => void} push
 */
export async function pour(source, push) {
  let given;
  let iterator;
  try {
    given = await (typeof source === "function" ? source() : source);
    const bytes = asBytes(given);
    if (bytes) {
      push(bytes);
      return;
    }
    const stream = streamOf(given);
    iterator = stream[Symbol.asyncIterator]?.() ?? stream[Symbol.iterator]();
  } catch (error) {
    throw error instanceof WhoseError ? error : unreadable(told(error), error);
  }
  let isDone = false;
  try {
    for (;;) {
      let isLast;
      let value;
      try {
        const next = await iterator.next();
        [isLast, value] = [next.done, next.value];
      } catch (error) {
        isDone = true;
        throw unreadable(told(error), error);
      }
      if (isLast) {
        isDone = true;
        return;
      }
      const piece = asBytes(value);
      if (!piece) {
        throw unreadable(`a piece of it is a ${typeof value}, not bytes`);
      }
      push(piece);
    }
  } finally {
    if (!isDone) {
      leave(iterator);
    }
  }
}

/**
 * A refused snapshot is not read to its end. What closing it comes to changes nothing, and is not waited for.
 * @param {any} iterator
 */
function leave(iterator) {
  try {
    Promise.resolve(iterator.return?.()).catch(() => {});
  } catch {
    // It is left all the same.
  }
}

/**
 * @param {any} given
 * @returns {any} something to iterate over
 */
function streamOf(given) {
  if (given === null || given === undefined) {
    throw unreadable("there is none (the source gave nothing)");
  }
  if (typeof Response === "function" && given instanceof Response) {
    if (!given.ok) {
      void given.body?.cancel().catch(() => {});
      throw unreadable(`the server answered ${given.status} ${given.statusText} for ${given.url}`);
    }
    return given.body ? readable(given.body) : [];
  }
  if (typeof Blob === "function" && given instanceof Blob) {
    return readable(given.stream());
  }
  if (typeof given === "object") {
    if (typeof given.getReader === "function") {
      return readable(given);
    }
    if (given[Symbol.asyncIterator] || given[Symbol.iterator]) {
      return given;
    }
    // An object of R2, and a request.
    if (typeof given.body?.getReader === "function") {
      return readable(given.body);
    }
  }
  throw unreadable(
    `a ${typeof given} is no source; give bytes, a Response, a Blob, a stream, an iterable of bytes, or a function that returns one`,
  );
}

/**
 * A stream as an iterable; not every host's streams are one by themselves.
 * @param {ReadableStream} stream
 */
function readable(stream) {
  return {
    [Symbol.asyncIterator]() {
      const reader = stream.getReader();
      return {
        next: () => reader.read(),
        return: () => reader.cancel(),
      };
    },
  };
}
