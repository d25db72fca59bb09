/**
 * Programs: found among the installed packages, started, watched and always ended.
 */

import { spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The packages that hold a program for this machine, in the order in which they are looked at. */
function platformPackages(name) {
  const { platform, arch } = process;
  const bun = { x64: "x64", arm64: "aarch64" }[arch];
  const workerd = { x64: "64", arm64: "arm64" }[arch];
  return {
    deno: [`@deno/${platform}-${arch}-glibc`, `@deno/${platform}-${arch}`].map((folder) => `${folder}/deno`),
    bun: [`@oven/bun-${platform}-${bun}`, `@oven/bun-${platform}-${bun}-musl`].map((folder) => `${folder}/bin/bun`),
    workerd: [`@cloudflare/workerd-${platform}-${workerd}/bin/workerd`],
    tsc: [`@typescript/typescript-${platform}-${arch}/lib/tsc`],
  }[name];
}

/** Where a program lies below `node_modules`. */
export function program(tools, name) {
  const places = platformPackages(name).map((place) => join(tools, "node_modules", place));
  const found = places.find((place) => existsSync(place));
  if (!found) {
    throw new Error(
      `${name} is not installed for ${process.platform} ${process.arch}; looked at ${places.join(", ")}; ` +
        "run `npm ci --ignore-scripts` in the folder of wasm/js/hosts/package-lock.json",
    );
  }
  return found;
}

/** Chromium, by the names that it goes by. */
export function chromium() {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
  const given = process.env.CHROMIUM ? [process.env.CHROMIUM] : [];
  const folders = (process.env.PATH ?? "").split(delimiter);
  const mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
  const all = [...given, ...names.flatMap((name) => folders.map((folder) => join(folder, name))), mac];
  const found = all.find((place) => existsSync(place));
  if (!found) {
    throw new Error("there is no chromium on PATH; on Debian `apt-get install chromium` brings it");
  }
  return found;
}

/** Programs that run now: ended when this one ends, however it does. */
const running = new Set();
const endAll = () => {
  for (const child of running) {
    kill(child);
  }
};
process.on("exit", endAll);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => process.exit(1));
}

function kill(child) {
  try {
    // Its own group: what it started ends with it.
    process.kill(-child.pid, "SIGKILL");
  } catch {
    child.kill("SIGKILL");
  }
}

/**
 * Starts a program. Its standard output is collected, and its errors are shown when it fails.
 * @param {string[]} command
 * @param {{ cwd?: string, seconds: number, env?: Record<string, string> }} settings
 */
export function start(command, { cwd, seconds, env }) {
  const child = spawn(command[0], command.slice(1), {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  running.add(child);
  let out = "";
  let errors = "";
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (errors += data));
  let peak = 0;
  let isLate = false;
  const look = setInterval(() => (peak = Math.max(peak, peakMemory(child.pid))), 20);
  const limit = setTimeout(() => {
    isLate = true;
    kill(child);
  }, seconds * 1000);
  const shown = command.map((word) => word.split("/").pop()).join(" ").slice(0, 200);
  const ended = new Promise((resolve, reject) => {
    const end = () => {
      running.delete(child);
      clearInterval(look);
      clearTimeout(limit);
    };
    child.on("error", (error) => {
      end();
      reject(new Error(`cannot start ${command[0]}: ${error.message}`));
    });
    child.on("close", (code, signal) => {
      end();
      if (code === 0) {
        resolve({ out, errors, peak });
        return;
      }
      const why = isLate ? `took longer than ${seconds} s` : `ended with ${code ?? signal}`;
      reject(new Error(`\`${shown}\` ${why}\n${out}${errors}`));
    });
  });
  ended.catch(() => {});
  return {
    pid: child.pid,
    ended,
    stop: () => kill(child),
    peak: () => Math.max(peak, peakMemory(child.pid)),
    said: () => `${out}${errors}`,
  };
}

/** Starts a program and waits for its end. */
export function run(command, settings) {
  return start(command, settings).ended;
}

/** The most memory that a process and its children had resident; 0 where the system does not tell. */
function peakMemory(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const own = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
    );
    return children.reduce((sum, child) => sum + peakMemory(child), own);
  } catch {
    return 0;
  }
}
