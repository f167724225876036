import { type ChaosOptions, chaos, Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { describe, expect, it } from "vitest";

async function outcomes(options: ChaosOptions, calls: number): Promise<string> {
  const storage = new Storage(new MemoryBackend()).with(chaos({ ...options, kinds: ["before"] }));
  let text = "";
  for (let call = 0; call < calls; call++) {
    text += await storage.exists("a").then(
      () => ".",
      () => "x",
    );
  }
  return text;
}

describe("chaos", () => {
  it("breaks every n-th call", async () => {
    expect(await outcomes({ every: 3 }, 9)).toBe("..x..x..x");
  });

  it("breaks the same calls again with the same seed, and others with another", async () => {
    const first = await outcomes({ rate: 0.3, seed: 7 }, 200);
    expect(await outcomes({ rate: 0.3, seed: 7 }, 200)).toBe(first);
    expect(await outcomes({ rate: 0.3, seed: 8 }, 200)).not.toBe(first);
    expect(first.split("x").length).toBeGreaterThan(30);
    expect(first.split("x").length).toBeLessThan(90);
  });

  it("before: the backend is not asked, and that is certain", async () => {
    const backend = new MemoryBackend();
    const broken = new Storage(backend).with(chaos({ every: 1, kinds: ["before"], verbs: ["write"] }));
    const error = await broken.put("a", "content").catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "unavailable" });
    expect(await new Storage(backend).exists("a")).toBe(false);
  });

  it("after: it is done, and the answer is lost", async () => {
    const backend = new MemoryBackend();
    const broken = new Storage(backend).with(
      chaos({ every: 1, kinds: ["after"], verbs: ["write"], code: "timeout" }),
    );
    await expect(broken.put("a", "content")).rejects.toMatchObject({ code: "timeout" });
    expect(await new Storage(backend).exists("a")).toBe(true);
  });

  it("body: content breaks half-way, in and out, and a broken write is not there", async () => {
    const backend = new MemoryBackend();
    const broken = new Storage(backend).with(chaos({ every: 1, kinds: ["body"] }));
    await expect(broken.put("a", "content")).rejects.toMatchObject({ code: "unavailable" });
    const whole = new Storage(backend);
    expect(await whole.exists("a")).toBe(false);
    await whole.put("a", "content");
    await expect(broken.get("a")).rejects.toMatchObject({ code: "unavailable" });
  });
});
