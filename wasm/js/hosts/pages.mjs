/**
 * The programs of docs/hosts/: taken out of a page, put beside the sample's files, run, and what they wrote is compared with
 * what the core writes natively.
 */

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { same } from "./vectors.mjs";

/** A block whose first line is a comment with a file's name. */
const BLOCK = /^```\w*\n(?:\/\/|#|<!--) ([\w.-]+)(?: -->)?\n([\s\S]*?)^```$/gm;

/** The files of a page, by name. */
export function filesOf(page) {
  const text = readFileSync(page, "utf8");
  const files = new Map();
  for (const [block, name] of text.matchAll(BLOCK)) {
    files.set(name, block.slice(block.indexOf("\n") + 1, -3));
  }
  if (files.size === 0) {
    throw new Error(`${page} has no block that begins with a file's name`);
  }
  return files;
}

/** Puts a page's files and the sample's into a folder, with the package where programs look for it. */
export function laidOut(host, { pages, sample, work }) {
  const folder = join(work, "page");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  cpSync(sample, folder, { recursive: true });
  symlinkSync(join(work, "node_modules"), join(folder, "node_modules"), "junction");
  const files = filesOf(join(pages, `${host}.md`));
  for (const [name, text] of files) {
    writeFileSync(join(folder, name), text);
  }
  return { folder, files };
}

/** Runs a page's program, which reads `events.ndjson` and writes `enriched.ndjson`. */
export async function inPage(host, given, work) {
  const { folder, files } = laidOut(host, given);
  const expected = readFileSync(join(folder, "expected.ndjson"));
  const events = readFileSync(join(folder, "events.ndjson"));
  const file = [...files.keys()].find((name) => /\.m?[jt]s$/.test(name));
  await work(folder, file);
  same(readFileSync(join(folder, "enriched.ndjson")), expected, `the program of docs/hosts/${host}.md`);
  // Without the snapshot, and with a wrong one, events pass as they are.
  for (const wrong of [undefined, "this is no snapshot"]) {
    rmSync(join(folder, "enriched.ndjson"));
    if (wrong === undefined) {
      rmSync(join(folder, "snapshot.whose"));
    } else {
      writeFileSync(join(folder, "snapshot.whose"), wrong);
    }
    await work(folder, file);
    const after = readFileSync(join(folder, "enriched.ndjson"));
    const without = (bytes) => bytes.toString("latin1").split("\n").length;
    if (without(after) !== without(events) || after.includes('"snapshot":{"id"')) {
      throw new Error(`the program of docs/hosts/${host}.md does not let events pass without its snapshot`);
    }
  }
  if (!existsSync(join(folder, "enriched.ndjson"))) {
    throw new Error(`the program of docs/hosts/${host}.md wrote nothing`);
  }
}
