#!/usr/bin/env node
// `npm create svc-infra shop` is `svc-infra init shop` of the version that this package was published with.
import { readFileSync } from "node:fs";

const facts = new URL(import.meta.resolve("svc-infra/package.json"));
const { bin } = JSON.parse(readFileSync(facts, "utf8"));
process.argv.splice(2, 0, "init");
await import(new URL(bin["svc-infra"], facts));
