/**
 * The programs of docs/hosts/: taken out of a page, put beside the sample's files, run, and what they wrote is compared with
 * what the core writes natively.
 */

import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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

/**
 * Runs a page's program, which reads `events.ndjson` and writes `enriched.ndjson`.
 * @param {(folder: string, file: string) => Promise<string>} work returns what the host's log has
 */
export async function inPage(host, given, work) {
  const { folder, files } = laidOut(host, given);
  const page = `the program of docs/hosts/${host}.md`;
  const expected = readFileSync(join(folder, "expected.ndjson"));
  const file = [...files.keys()].find((name) => /\.m?js$/.test(name));
  const enriched = join(folder, "enriched.ndjson");
  await work(folder, file);
  same(readFileSync(enriched), expected, page);
  // Without the snapshot, with a wrong one and with one cut short, events pass, and the host's log says why.
  const snapshot = readFileSync(join(folder, "snapshot.whose"));
  const wrong = [undefined, "this is no snapshot", snapshot.subarray(0, snapshot.length - 100)];
  for (const bytes of wrong) {
    rmSync(enriched);
    rmSync(join(folder, "snapshot.whose"), { force: true });
    if (bytes !== undefined) {
      writeFileSync(join(folder, "snapshot.whose"), bytes);
    }
    const log = await work(folder, file);
    if (!/whose: snapshot not (?:attached|replaced)/.test(log)) {
      throw new Error(`${page} does not tell in its host's log what is wrong with the snapshot:\n${log}`);
    }
    const shape = (text) => text.toString("latin1").split("\n").length;
    const after = readFileSync(enriched);
    if (shape(after) !== shape(expected) || after.includes('"whose":{"v":1,"identities"')) {
      throw new Error(`${page} does not let events pass without its snapshot`);
    }
  }
}
