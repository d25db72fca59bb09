/**
 * Where snapshots come from: bytes, or something that gives them piece by piece.
 */

import { told, WhoseError } from "./errors.js";

/**
 * Bytes as the module takes them, without a copy; nothing when it is something else.
 * @param {unknown} value
 * @returns {Uint8Array | undefined}
 */
export function asBytes(value) {
  if (value instanceof Uint8Array) {
    return value;
  }
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  const isBuffer =
    value instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer === "function" && value instanceof SharedArrayBuffer);
  return isBuffer ? new Uint8Array(/** @type {ArrayBuffer} */ (value)) : undefined;
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
  try {
    given = await (typeof source === "function" ? source() : source);
  } catch (error) {
    throw unreadable(told(error), error);
  }
  const bytes = asBytes(given);
  if (bytes) {
    push(bytes);
    return;
  }
  const stream = streamOf(given);
  const iterator = stream[Symbol.asyncIterator]?.() ?? stream[Symbol.iterator]();
  let isDone = false;
  try {
    for (;;) {
      let next;
      try {
        next = await iterator.next();
      } catch (error) {
        isDone = true;
        throw unreadable(told(error), error);
      }
      if (next.done) {
        isDone = true;
        return;
      }
      const piece = asBytes(next.value);
      if (!piece) {
        throw unreadable(`a piece of it is a ${typeof next.value}, not bytes`);
      }
      push(piece);
    }
  } finally {
    if (!isDone) {
      // A refused snapshot is not read to its end; what closing it comes to changes nothing.
      await Promise.resolve(iterator.return?.()).catch(() => {});
    }
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
