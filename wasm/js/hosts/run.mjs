/**
 * Runs the package in a real host and prints one line of JSON about it.
 *
 *     node run.mjs HOST VECTORS PACKAGE TOOLS SAMPLE WORK
 *
 * HOST is node, deno, bun, workerd, browser, types, leak or traps. VECTORS is the folder of the shared vectors, PACKAGE the npm
 * package as it is published (a folder), TOOLS where wasm/js/hosts/package-lock.json has been installed, SAMPLE a folder
 * with snapshot.whose, config.json, events.ndjson, expected.ndjson and baked.wasm (the module with the first two in it) for the programs of docs/hosts/, and WORK a folder
 * that is made anew.
 */

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { browser } from "./browser.mjs";
import { inPage } from "./pages.mjs";
import { program, run } from "./tools.mjs";
import { workerd } from "./workerd.mjs";

const here = dirname(fileURLToPath(import.meta.url));
/** The scripts that run inside a host. */
const SCRIPTS = ["vectors.mjs", "checks.mjs", "local.mjs", "leak.mjs", "traps.mjs", "baked.mjs"];

/** How the runtimes with a command line run a script. */
const COMMANDS = {
  node: () => [process.execPath],
  deno: (tools) => [program(tools, "deno"), "run", "--no-config", "--no-prompt", "--cached-only", "--node-modules-dir=manual", "--allow-read", "--allow-write"],
  bun: (tools) => [program(tools, "bun"), "run", "--no-install"],
};
/** Nothing is fetched, and nobody is told. */
const ENV = { DENO_NO_UPDATE_CHECK: "1", DO_NOT_TRACK: "1", NO_COLOR: "1" };

async function local(host, given) {
  const command = COMMANDS[host](given.tools);
  const settings = { cwd: given.work, env: { ...ENV, DENO_DIR: join(given.work, "deno") } };
  const { out, peak } = await run([...command, "local.mjs", given.vectors, given.sample], { ...settings, seconds: 240 });
  const said = JSON.parse(out.trim().split("\n").pop());
  // Without SIMD it has to be the same.
  await run([...command, "local.mjs", given.vectors, given.sample, "whose/baseline"], { ...settings, seconds: 240 });
  await inPage(host, given, async (folder, file) => {
    const { errors } = await run([...command, file], { ...settings, cwd: folder, seconds: 60 });
    return errors;
  });
  return { ...said, memory_bytes: Math.max(peak, said.memory_bytes) };
}

async function script(name, given) {
  const { out } = await run([process.execPath, "--expose-gc", `${name}.mjs`, given.vectors, given.sample], {
    cwd: given.work,
    seconds: 420,
  });
  return JSON.parse(out.trim().split("\n").pop());
}

/** The types, by a program that uses all of them. */
async function types(given) {
  cpSync(join(here, "usage.ts"), join(given.work, "usage.ts"));
  const flags = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "nodenext", "--target", "es2022"];
  const lib = ["--lib", "es2022,dom,esnext.disposable", "--types", ""];
  await run([program(given.tools, "tsc"), ...flags, ...lib, "usage.ts"], { cwd: given.work, seconds: 120 });
  // They need no host's types.
  const bare = 'import { Enricher } from "whose";\nconst text: string = new Enricher(new Uint8Array()).enrich("");\nexport { text };\n';
  writeFileSync(join(given.work, "bare.ts"), bare);
  await run([program(given.tools, "tsc"), ...flags, "--lib", "es2022", "--types", "", "bare.ts"], { cwd: given.work, seconds: 120 });
  return {};
}

const HOSTS = {
  node: (given) => local("node", given),
  deno: (given) => local("deno", given),
  bun: (given) => local("bun", given),
  workerd,
  browser,
  types,
  leak: (given) => script("leak", given),
  traps: (given) => script("traps", given),
};

/** The longest time of one call of this program. */
const SECONDS = 1800;

async function main() {
  const late = () => {
    console.error(`error: it took longer than ${SECONDS} s`);
    // What was started ends with this.
    process.exit(1);
  };
  setTimeout(late, SECONDS * 1000).unref();
  const [host, ...folders] = process.argv.slice(2);
  if (!Object.hasOwn(HOSTS, host) || folders.length !== 5) {
    throw new Error(`usage: node run.mjs ${Object.keys(HOSTS).join("|")} VECTORS PACKAGE TOOLS SAMPLE WORK`);
  }
  const [vectors, packed, tools, sample, work] = folders.map((folder) => resolve(folder));
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, "node_modules"), { recursive: true });
  cpSync(packed, join(work, "node_modules/whose"), { recursive: true });
  for (const name of SCRIPTS) {
    cpSync(join(here, name), join(work, name));
  }
  const pages = resolve(here, "../../../docs/hosts");
  const manifest = JSON.parse(readFileSync(join(work, "node_modules/whose/package.json"), "utf8"));
  const result = await HOSTS[host]({ here, vectors, tools, sample, work, pages, manifest });
  console.log(JSON.stringify(result));
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  },
);
