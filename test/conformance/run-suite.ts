import { readFileSync } from "node:fs";
import {
  type BackendCall,
  type Capabilities,
  chaos,
  type Layer,
  LayerBackend,
  type Next,
  prefix,
  RetryBudget,
  retry,
  Storage,
  type StorageBackend,
} from "svc-infra/storage";
import { runConformance } from "svc-infra/storage/conformance";
import { afterAll, describe, expect, test } from "vitest";
import { tampered } from "#dist/storage/conformance/url-probe.js";

/** A layer that does nothing, to see that doing nothing changes nothing. */
class NoopBackend<C extends Capabilities> extends LayerBackend<C> {
  protected override intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    return next(call.signal);
  }
}

const noop: Layer = (inner) => new NoopBackend(inner);
const start = "tenants/t-1/";
/** 300 races are run before a release: `CONFORMANCE_RACES=300`. */
const races = Number(process.env.CONFORMANCE_RACES ?? 10);
/** Every fourth call fails here for good; an ordinary budget is there to give up on that. */
const budget = new RetryBudget(Number.MAX_SAFE_INTEGER);
const patient = retry({ attempts: 12, baseDelayMs: 1, maxDelayMs: 10, budget });

/** A caller cannot distinguish a lost answer from a lost change; answers of changes are therefore not dropped. */
const lostAnswers = chaos({
  every: 5,
  kinds: ["after"],
  verbs: ["stat", "read", "list", "sign", "signer"],
  seed: 2,
});
const faults = chaos({ rate: 0.15, kinds: ["before", "body"], seed: 1 });

const stacks = {
  plain: [],
  prefix: [prefix(start)],
  noop: [noop],
  "retry over chaos": [patient, lostAnswers, faults],
} satisfies Record<string, readonly Layer[]>;

type Counts = Readonly<
  Record<string, Readonly<Record<string, { readonly ran: number; readonly skipped: number }>>>
>;

const expectedCounts: Counts = JSON.parse(
  readFileSync(new URL("./expected-counts.json", import.meta.url), "utf8"),
);

/** Runs the whole conformance suite on a backend: plain, under a prefix, under a layer that does nothing, and under retry over chaos. */
export function runSuite(type: string, create: () => StorageBackend): void {
  for (const [name, layers] of Object.entries(stacks)) {
    describe.concurrent(`${type}, ${name}`, () => runStack({ type, name, layers, create }));
  }
  test(`${type}: each part of a signed URL is changed by the case that changes them`, async () => {
    const backend = create();
    if (backend.capabilities.signGet) {
      const url = await new Storage(backend).getUrl("folder/object");
      // Key, time, signature, end and query; what a change leaves as it is would prove nothing.
      expect(new Set(tampered(url, "folder/object")).size, url).toBe(7);
    }
    await backend.close();
  });
}

interface SuiteRun {
  readonly type: string;
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly create: () => StorageBackend;
}

function runStack({ type, name, layers, create }: SuiteRun): void {
  const counts = { ran: 0, skipped: 0 };
  const made = () => layers.reduceRight((inner, layer) => layer(inner), create());
  const maxKeyLength = name === "prefix" ? 1024 - start.length : 1024;
  const backend = made();
  const breaksBodies = name === "retry over chaos";
  for (const each of runConformance({ backend, create: made, maxKeyLength, breaksBodies, races })) {
    if (each.skipReason !== undefined) counts.skipped++;
    test.skipIf(each.skipReason !== undefined)(`${each.group}: ${each.name}`, async () => {
      counts.ran++;
      await each.run();
    });
  }
  afterAll(async () => {
    await backend.close();
    expect(counts, `cases of ${type}, ${name}; see expected-counts.json`).toEqual(
      expectedCounts[type]?.[name],
    );
  });
}
