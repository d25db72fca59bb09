/**
 * The compiled module of an entry: made when it is first needed, kept for all enrichers.
 */

import { told, WhoseError } from "./errors.js";
import { asBytes } from "./source.js";

/**
 * @param {{
 *   now?: () => WebAssembly.Module,
 *   later?: () => Promise<WebAssembly.Module>,
 * }} ways how the entry's own module is had, at once or after a while
 */
export function loading({ now, later }) {
  /** @type {WebAssembly.Module | undefined} */
  let module;
  /** @type {Promise<WebAssembly.Module> | undefined} */
  let underWay;
  /** How often another module was given: the last one counts. */
  let given = 0;

  function ready() {
    if (!module && now) {
      module = attempt(now);
    }
    return module;
  }

  /** @param {unknown} [from] another module in the place of the entry's own */
  async function load(from) {
    if (from !== undefined) {
      given += 1;
      const turn = given;
      const other = await compiled(from);
      if (turn === given) {
        module = other;
      }
      return other;
    }
    const there = ready();
    if (there) {
      return there;
    }
    underWay ??= /** @type {() => Promise<WebAssembly.Module>} */ (later)();
    try {
      const own = await underWay;
      // Another one may have been given meanwhile.
      module ??= own;
      return module;
    } catch (error) {
      throw notLoaded(error);
    } finally {
      underWay = undefined;
    }
  }

  return { ready, load };
}

/** @param {() => WebAssembly.Module} now */
function attempt(now) {
  try {
    return now();
  } catch (error) {
    throw notLoaded(error);
  }
}

/** @param {unknown} promised */
async function compiled(promised) {
  let from;
  try {
    from = await promised;
    if (from instanceof WebAssembly.Module) {
      return from;
    }
    if (typeof Response === "function" && from instanceof Response) {
      return await streamed(from);
    }
    const bytes = asBytes(from);
    if (bytes) {
      return await WebAssembly.compile(/** @type {BufferSource} */ (bytes));
    }
  } catch (error) {
    throw error instanceof WhoseError ? error : notLoaded(error);
  }
  throw new WhoseError(-2, `init takes a WebAssembly.Module, bytes or a Response, got a ${typeof from}`);
}

/**
 * Compiles a response while it arrives, if its server names its type.
 * @param {Response} response
 */
export async function streamed(response) {
  if (!response.ok) {
    throw new Error(`the server answered ${response.status} ${response.statusText} for ${response.url}`);
  }
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("application/wasm") && typeof WebAssembly.compileStreaming === "function") {
    return WebAssembly.compileStreaming(response);
  }
  return WebAssembly.compile(await response.arrayBuffer());
}

/** @param {unknown} error */
function notLoaded(error) {
  return new WhoseError(0, `the module could not be loaded: ${told(error)}`, {
    kind: "not_initialized",
    cause: error,
  });
}
