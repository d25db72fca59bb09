/**
 * workerd: `workerd serve` on a free port of this machine, spoken to over HTTP.
 */

import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { inPage } from "./pages.mjs";
import { program, start } from "./tools.mjs";

/** The package's own modules, as a page about workerd names them. */
const PACKAGE = ["enricher.js", "core.js", "errors.js", "source.js", "loading.js"];

const WORKER = `
import * as whose from "whose";
import { runChecks } from "./checks.mjs";
import { bench, runVectors } from "./vectors.mjs";
import * as files from "./files.js";

const read = async (name) => new Uint8Array(files.all[name].slice(0));
let measured;

export default {
  async fetch(request) {
    try {
      const { pathname } = new URL(request.url);
      if (pathname === "/vectors") {
        await runChecks(whose, read);
        return Response.json({ vectors: await runVectors(whose, read) });
      }
      measured ??= await bench(whose, read);
      return Response.json({ count: measured.count, bytes: measured.work() });
    } catch (error) {
      return Response.json({ error: \`\${error.message}\\n\${error.stack}\` });
    }
  },
};
`;

/** Everything that the driver needs, in one configuration. */
function configure(work, vectors) {
  const names = readdirSync(vectors).filter((name) => /\.(ndjson|json|whose)$/.test(name) && !name.includes(".out."));
  const files = names.map((name, at) => `import f${at} from "./${name}";`);
  const all = names.map((name, at) => `  ${JSON.stringify(name)}: f${at},`);
  writeFileSync(join(work, "files.js"), `${files.join("\n")}\nexport const all = {\n${all.join("\n")}\n};\n`);
  writeFileSync(join(work, "worker.js"), WORKER);
  for (const name of names) {
    cpSync(join(vectors, name), join(work, name));
  }
  const own = ["worker.js", "files.js", "checks.mjs", "vectors.mjs"].map((name) => `(name = "${name}", esModule = embed "${name}")`);
  const data = names.map((name) => `(name = "${name}", data = embed "${name}")`);
  const whose = "node_modules/whose";
  const modules = [
    ...own,
    `(name = "whose", esModule = embed "${whose}/workerd.js")`,
    ...PACKAGE.map((name) => `(name = "${name}", esModule = embed "${whose}/${name}")`),
    `(name = "whose_bg.wasm", wasm = embed "${whose}/whose_bg.wasm")`,
    ...data,
  ];
  const config = `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [
    ${modules.join(",\n    ")},
  ],
  compatibilityDate = "2026-01-01",
);
`;
  writeFileSync(join(work, "config.capnp"), config);
}

/** Starts a configuration whose socket is \`http\`; calls back with its address, and always ends it. */
async function served(tools, folder, seconds, use) {
  const binary = program(tools, "workerd");
  const server = start([binary, "serve", "--control-fd=1", "config.capnp", "--socket-addr=http=127.0.0.1:0"], {
    cwd: folder,
    seconds,
  });
  try {
    const ended = server.ended.then(() => {
      throw new Error(`workerd ended by itself\n${server.said()}`);
    });
    return await Promise.race([ended, addressOf(server).then((address) => use(address, server))]);
  } finally {
    server.stop();
  }
}

async function addressOf(server) {
  for (let wait = 0; wait < 600; wait += 1) {
    const port = /"event":"listen".*"port":(\d+)/.exec(server.said())?.[1];
    if (port) {
      return `http://127.0.0.1:${port}`;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`workerd does not listen after 30 s\n${server.said()}`);
}

async function ask(address) {
  const answer = await (await fetch(address, { signal: AbortSignal.timeout(240_000) })).json();
  if (answer.error) {
    throw new Error(answer.error);
  }
  return answer;
}

export async function workerd(given) {
  const { tools, work, vectors } = given;
  configure(work, vectors);
  const { version } = JSON.parse(readFileSync(join(tools, "node_modules/workerd/package.json"), "utf8"));
  const result = await served(tools, work, 400, async (address, server) => {
    const { vectors: count } = await ask(`${address}/vectors`);
    let best = 0;
    for (let round = 0; round < 4; round += 1) {
      // Inside, time stands still while a worker computes.
      const begun = performance.now();
      const { count: events } = await ask(`${address}/bench`);
      best = Math.max(best, (events / (performance.now() - begun)) * 1000);
    }
    return {
      host: "workerd",
      version,
      vectors: count,
      events_per_second: Math.round(best),
      memory_bytes: server.peak(),
    };
  });
  await inPage("workerd", given, async (folder) => {
    return served(tools, folder, 60, async (address, server) => {
      const body = readFileSync(join(folder, "events.ndjson"));
      const answer = await fetch(address, { method: "POST", body, signal: AbortSignal.timeout(30_000) });
      writeFileSync(join(folder, "enriched.ndjson"), new Uint8Array(await answer.arrayBuffer()));
      return server.said();
    });
  });
  return result;
}
