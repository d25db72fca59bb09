/**
 * Chromium without a window: pages from a server of this process, on a free port of this machine.
 */

import { createServer } from "node:http";
import { readFile, writeFile } from "node:fs/promises";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";

import { inPage } from "./pages.mjs";
import { chromium, run, start } from "./tools.mjs";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};
/** What docs/hosts/browser.md says a page needs, and no more. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

const DRIVER = `
import * as whose from "/node_modules/whose/browser.js";
import { runChecks } from "./checks.mjs";
import { bench, eventsPerSecond, runVectors } from "./vectors.mjs";

const read = async (name) => {
  const response = await fetch("/vectors/" + name);
  if (!response.ok) throw new Error("no " + name);
  return new Uint8Array(await response.arrayBuffer());
};
let result;
try {
  await runChecks(whose, read);
  const vectors = await runVectors(whose, read);
  const baseline = await import("/node_modules/whose/baseline/browser.js");
  await runVectors(baseline, read);
  const measured = await bench(whose, read);
  result = { vectors, events_per_second: eventsPerSecond(measured) };
} catch (error) {
  result = { error: error.message + "\\n" + error.stack };
}
await fetch("/done", { method: "PUT", body: JSON.stringify(result) });
`;

/** Serves a folder, takes what is put, and calls back with the address. */
async function serving(folder, use) {
  const put = new Map();
  let tell = () => {};
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const name = normalize(pathname === "/" ? "/index.html" : pathname);
    void (async () => {
      if (request.method === "PUT") {
        const parts = [];
        for await (const part of request) {
          parts.push(part);
        }
        put.set(name.slice(1), Buffer.concat(parts));
        response.end();
        tell();
        return;
      }
      const body = await readFile(join(folder, name));
      const type = TYPES[extname(name)] ?? "application/octet-stream";
      response.writeHead(200, { "content-type": type, "content-security-policy": POLICY });
      response.end(body);
    })().catch(() => {
      response.writeHead(404);
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const wait = async (name, browser) => {
    const ended = browser.ended.then(() => undefined);
    while (!put.has(name)) {
      const more = new Promise((resolve) => (tell = resolve));
      await Promise.race([more, ended.then(() => Promise.reject(new Error(`the browser ended\n${browser.said()}`)))]);
    }
    return put.get(name);
  };
  try {
    return await use(`http://127.0.0.1:${server.address().port}`, wait);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Opens a page, waits for what it puts, and ends the browser. */
async function opened(given, folder, name, seconds) {
  return serving(folder, async (address, wait) => {
    const profile = join(given.work, "profile");
    // It leaves folders behind. In the work folder the path of its socket could get longer than a socket's may.
    const temporary = mkdtempSync(join(tmpdir(), "whose-browser-"));
    const flags = [
      "--headless",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      "--no-default-browser-check",
      "--enable-logging=stderr",
      `--user-data-dir=${profile}`,
      // As root it has no sandbox, and refuses to start with one.
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    ];
    const browser = start([chromium(), ...flags, `${address}/index.html`], {
      cwd: given.work,
      env: { TMPDIR: temporary },
      seconds,
    });
    try {
      const body = await wait(name, browser);
      return { body, peak: browser.peak(), said: browser.said() };
    } finally {
      browser.stop();
      await browser.ended.catch(() => {});
      rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
    }
  });
}

export async function browser(given) {
  const { work, vectors } = given;
  const version = (await run([chromium(), "--version", "--no-sandbox"], { seconds: 30 })).out.trim();
  mkdirSync(join(work, "vectors"));
  cpSync(vectors, join(work, "vectors"), { recursive: true });
  writeFileSync(join(work, "driver.js"), DRIVER);
  writeFileSync(join(work, "index.html"), '<!doctype html><script type="module" src="driver.js"></script>\n');
  const { body, peak } = await opened(given, work, "done", 300);
  const { error, ...result } = JSON.parse(body.toString());
  if (error) {
    throw new Error(error);
  }
  await inPage("browser", given, async (folder) => {
    const { body: enriched, said } = await opened(given, folder, "enriched.ndjson", 60);
    await writeFile(join(folder, "enriched.ndjson"), enriched);
    return said;
  });
  return {
    host: "Chromium",
    version: /[\d.]+/.exec(version)?.[0] ?? version,
    ...result,
    memory_bytes: peak,
  };
}
