// Node: JSON.parse, a Map is asked, JSON.stringify.
import { createInterface } from "node:readline";
import { readFileSync, writeFileSync } from "node:fs";

const [events, table] = process.argv.slice(-3);
const lines = readFileSync(events, "utf8").trimEnd().split("\n");
const [, ...rows] = readFileSync(table, "utf8").trimEnd().split("\n");
const identities = new Map();
for (const row of rows) {
  const [key, uid, name, type, owner, environment, tier, level] = row.split(",");
  identities.set(key, {
    uid, name, type, owner, environment, privilege_tier: tier === "" ? null : Number(tier), privilege_level: level,
  });
}

function pass() {
  const out = [];
  for (const line of lines) {
    const event = JSON.parse(line);
    const who = event.userIdentity;
    const found = identities.get(who.sessionContext?.sessionIssuer?.arn ?? who.arn);
    if (found) event.identity = found;
    out.push(JSON.stringify(event));
  }
  return out;
}

const how = "lines in memory; JSON.parse, Map.get by ARN, JSON.stringify of each event";
console.log(JSON.stringify({ peer: "Node", how, version: process.versions.node }));
for await (const order of createInterface({ input: process.stdin })) {
  const begun = process.hrtime.bigint();
  const before = process.cpuUsage();
  const out = pass();
  const wall_ns = Number(process.hrtime.bigint() - begun);
  const { user, system } = process.cpuUsage(before);
  if (order.startsWith("write ")) writeFileSync(order.slice(6), out.join("\n") + "\n");
  console.log(JSON.stringify({ cpu_ns: (user + system) * 1000, wall_ns }));
}
