/**
 * Browsers: the module is fetched from beside this file, once it is asked for.
 */

import { define } from "./enricher.js";
import { loading, streamed } from "./loading.js";

const fetched = async () => streamed(await fetch(new URL("./whose_bg.wasm", import.meta.url)));

export const { Enricher, init } = define(loading({ later: fetched }));
export { WhoseError } from "./errors.js";
