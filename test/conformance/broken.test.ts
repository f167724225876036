import { runConformance } from "svc-infra/storage/conformance";
import { describe, expect, test } from "vitest";
import { brokenBackends, unusualBackends } from "./broken-backends.js";

describe("the conformance suite finds a planted bug", () => {
  test.each(brokenBackends)("%o", async (Broken, rule) => {
    const cases = [...runConformance({ backend: new Broken() })].filter(({ name }) => rule.test(name));
    expect(cases).not.toHaveLength(0);
    for (const each of cases) {
      const late = new Promise((_, reject) => setTimeout(reject, 3000, new Error("it hangs")));
      await expect(Promise.race([each.run(), late]), each.name).rejects.toThrow();
    }
  });
});

describe("the conformance suite takes what the contract allows", () => {
  test.each(unusualBackends)("%o", async (Unusual, rule) => {
    const cases = [...runConformance({ backend: new Unusual() })].filter(({ name }) => rule.test(name));
    expect(cases).toHaveLength(1);
    await cases[0]?.run();
  });
});
