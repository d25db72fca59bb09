/**
 * Node, Deno and Bun: the module is read from beside this file.
 */

import { readFileSync } from "node:fs";
import { define } from "./enricher.js";
import { loading } from "./loading.js";

const read = () => new WebAssembly.Module(readFileSync(new URL("./whose_bg.wasm", import.meta.url)));

export const { Enricher, init } = define(loading({ now: read }));
export { WhoseError } from "./errors.js";
