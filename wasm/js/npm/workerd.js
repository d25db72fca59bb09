/**
 * workerd: the module comes compiled, as a module of the worker; compiling at run time is not allowed.
 */

// @ts-ignore: an import of a compiled module, which the language has no name for
import compiled from "./whose_bg.wasm";
import { define } from "./enricher.js";
import { loading } from "./loading.js";

export const { Enricher, init } = define(loading({ now: () => compiled }));
export { WhoseError } from "./errors.js";
