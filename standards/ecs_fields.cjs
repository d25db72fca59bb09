// Prints name, type and normalisation of every ECS field, from the package that Elastic publishes.
const { EcsFlat, EcsVersion } = require("@elastic/ecs");

const fields = {};
for (const [name, field] of Object.entries(EcsFlat)) {
  fields[name] = { type: field.type, normalize: field.normalize };
}
console.log(JSON.stringify({ version: EcsVersion, fields }));
