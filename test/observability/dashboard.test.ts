import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import Fastify from "fastify";
import { addObservability } from "svc-infra/observability";
import { Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterAll, describe, expect, it } from "vitest";
import { startPrometheus } from "../rigs/prometheus.js";

const folder = "docs/observability";
const rules = readFileSync(`${folder}/alerts.yml`, "utf8");
const dashboard: { panels: readonly Panel[] } = JSON.parse(
  readFileSync(`${folder}/grafana-dashboard.json`, "utf8"),
);

interface Panel {
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

const panels = dashboard.panels.filter(({ targets }) => targets !== undefined);
const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

const app = Fastify();
afterAll(() => app.close());

/** Names of series in text, without what Prometheus makes of a histogram. */
function seriesIn(text: string): readonly string[] {
  const names =
    text.match(/\b(?:http|storage|sql|jobs|cache|webhooks|connection|process|nodejs)_[a-z0-9_]+/g) ?? [];
  return [...new Set(names.map((name) => name.replace(/_(?:bucket|sum|count)$/, "")))].sort();
}

function promtool(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: folder, encoding: "utf8" });
  return status === 0 ? "passed" : stdout + stderr;
}

describe("the alert rules", () => {
  it("are sound for promtool", () => {
    expect(promtool("check", "rules", "alerts.yml")).toBe("passed");
  });

  it("each fire when they must, and none when nothing is wrong", () => {
    expect(promtool("test", "rules", "alerts.test.yml")).toBe("passed");
    const tested = readFileSync(`${folder}/alerts.test.yml`, "utf8");
    for (const [, name] of rules.matchAll(/- alert: (\w+)/g)) expect(tested).toContain(`- name: ${name}\n`);
  });
});

describe("the dashboard", () => {
  it("has panels that do not cover each other", () => {
    for (const [index, one] of dashboard.panels.entries()) {
      for (const other of dashboard.panels.slice(index + 1)) {
        const [a, b] = [one.gridPos, other.gridPos];
        const isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect([one.title, other.title, isApart]).toEqual([one.title, other.title, true]);
      }
    }
  });
});

it("a real Prometheus reads the service, and every series that a rule or a panel names is exposed", async () => {
  const token = "a-token-of-more-than-32-characters-for-prometheus";
  await addObservability(app, { env: {}, metricsToken: token });
  await app.listen({ port: 0, host: "127.0.0.1" });
  await new Storage(new MemoryBackend()).put("a.txt", "hello");
  const { port } = app.server.address() as AddressInfo;
  const prometheus = await startPrometheus({ port, token });
  // biome-ignore lint/suspicious/noExplicitAny: answers of another program
  const ask = async (path: string): Promise<any> => (await fetch(`${prometheus.url}/api/v1/${path}`)).json();
  const query = (expr: string) => ask(`query?query=${encodeURIComponent(expr)}`);
  try {
    const up = async () => (await query('up{job="shop"}')).data.result[0]?.value[1];
    await expect.poll(up).toBe("1");
    expect((await query("storage_file_size_bytes_sum")).data.result[0].value[1]).toBe("5");
    const { data } = await ask("metadata");
    const named = seriesIn([rules, ...expressions].join("\n"));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !(name in data))).toEqual([]);
    for (const expr of expressions) {
      const filled = expr.replaceAll("$__rate_interval", "1m").replaceAll("$job", ".+");
      expect([expr, (await query(filled)).status]).toEqual([expr, "success"]);
    }
    const { data: loaded } = await ask("rules");
    expect(loaded.groups[0].rules.map(({ health }: { health: string }) => health)).not.toContain("err");
  } finally {
    await prometheus.stop();
  }
});
