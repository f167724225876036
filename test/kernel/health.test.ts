import { HealthRegistry } from "svc-infra/kernel";
import { describe, expect, it, vi } from "vitest";

function never(): Promise<never> {
  return new Promise(() => {});
}

function fail(): never {
  throw new Error("the disk is gone");
}

describe("HealthRegistry", () => {
  it("is ok with no checks and with checks that return", async () => {
    const health = new HealthRegistry();
    expect(await health.run()).toEqual({ status: "ok", checks: {} });
    health.add("disk", () => undefined);
    expect(await health.run()).toMatchObject({
      status: "ok",
      checks: { disk: { status: "ok", critical: true } },
    });
  });

  it("fails when a critical check throws or rejects, and is degraded when another one does", async () => {
    const health = new HealthRegistry();
    health.add("cache", fail, { critical: false });
    expect((await health.run()).status).toBe("degraded");
    health.add("disk", async () => fail());
    expect(await health.run()).toMatchObject({
      status: "failed",
      checks: { cache: { status: "failed", critical: false }, disk: { status: "failed", critical: true } },
    });
  });

  it("shares one run among callers at the same time, and keeps its result for keepMs", async () => {
    const health = new HealthRegistry({ keepMs: 50 });
    let runs = 0;
    health.add("disk", () => {
      runs += 1;
    });
    await Promise.all([health.run(), health.run(), health.runOne("disk")]);
    await health.run();
    expect(runs).toBe(1);
    while (runs === 1) await health.run();
    expect(runs).toBe(2);
  });

  it("keeps a result for three seconds and waits for a check for two, unless it is told otherwise", async () => {
    vi.useFakeTimers();
    const health = new HealthRegistry();
    let runs = 0;
    health.add("hung", () => {
      runs += 1;
      return never();
    });
    const first = health.run();
    await vi.advanceTimersByTimeAsync(2000);
    expect((await first).checks.hung?.status).toBe("failed");
    await vi.advanceTimersByTimeAsync(2900);
    await health.run();
    expect(runs).toBe(1);
    await vi.advanceTimersByTimeAsync(200);
    const later = health.run();
    await vi.advanceTimersByTimeAsync(2000);
    await later;
    expect(runs).toBe(2);
    vi.useRealTimers();
  });

  it("runs all checks at the same time", async () => {
    const health = new HealthRegistry();
    const order: string[] = [];
    const { promise, open } = gate();
    health.add("first", async () => {
      order.push("first begins");
      await promise;
    });
    health.add("second", () => {
      order.push("second begins");
      open();
    });
    expect((await health.run()).status).toBe("ok");
    expect(order).toEqual(["first begins", "second begins"]);
  });

  it("does not wait for a check that never answers, and fires its signal", async () => {
    const health = new HealthRegistry({ showErrors: true });
    let isAborted = false;
    health.add(
      "hung",
      (signal) => {
        signal.addEventListener("abort", () => {
          isAborted = true;
        });
        return never();
      },
      { timeoutMs: 20 },
    );
    const { status, checks } = await health.run();
    expect(status).toBe("failed");
    expect(checks.hung?.error).toBe("no answer within 20 ms");
    expect(checks.hung?.ms).toBeGreaterThanOrEqual(15);
    expect(isAborted).toBe(true);
  });

  it("says why a check failed only when it was told to", async () => {
    const [silent, open] = [new HealthRegistry(), new HealthRegistry({ showErrors: true })];
    for (const health of [silent, open]) health.add("disk", fail);
    expect(JSON.stringify(await silent.run())).not.toContain("gone");
    expect((await open.run()).checks.disk?.error).toBe("the disk is gone");
  });

  it("refuses a name that is taken until the check is removed", async () => {
    const health = new HealthRegistry();
    health.add("disk", fail);
    expect(() => health.add("disk", fail)).toThrow(/'disk'/);
    expect(health.remove("disk")).toBe(true);
    expect(health.remove("disk")).toBe(false);
    health.add("disk", () => undefined);
    expect((await health.run()).status).toBe("ok");
  });
});

function gate() {
  let open = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open: () => open() };
}
