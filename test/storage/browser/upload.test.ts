import { setTimeout as sleep } from "node:timers/promises";
import { upload } from "svc-infra/storage/browser";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const part = { method: "PUT", url: "/provider", headers: {}, fields: {}, start: 0, end: 5 };
const stored = { key: "a", url: null, size: 5, contentType: "text/plain", etag: "e", checksum: null };

/** What is answered to a request, by its method and path; 0 is no answer. */
let statusOf: (request: string) => number;
/** Each request, and when it came. */
let requests: { readonly request: string; readonly at: number }[];

/** What the client uses of a browser's XMLHttpRequest, with the answers of this test. */
class Answers {
  readonly upload = { onprogress: null };
  status = 0;
  responseText = "";
  onload: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onabort: (() => void) | null = null;
  #request = "";

  open(method: string, url: string) {
    this.#request = `${method} ${url}`;
  }

  setRequestHeader() {}

  send() {
    requests.push({ request: this.#request, at: performance.now() });
    this.status = statusOf(this.#request);
    const prepared = { ...part, id: "1", url: null, parts: [part] };
    this.responseText = JSON.stringify(this.#request.endsWith("/uploads") ? prepared : stored);
    queueMicrotask(() => (this.status === 0 ? this.onerror?.() : this.onload?.()));
  }

  abort() {
    this.onabort?.();
  }
}

beforeEach(() => {
  requests = [];
  vi.stubGlobal("XMLHttpRequest", Answers);
});

afterEach(() => vi.unstubAllGlobals());

const sent = (signal?: AbortSignal) => upload(new Blob(["hello"]), { endpoint: "", signal });
const timesOf = (name: string) => requests.filter(({ request }) => request === name).map(({ at }) => at);

describe("an upload of the browser client", () => {
  it.each([415, 503])("is dropped when its completion answers %i", async (status) => {
    statusOf = (request) => (request.endsWith("/complete") ? status : 200);
    await expect(sent()).rejects.toMatchObject({ status });
    expect(requests.at(-1)?.request).toBe("DELETE /uploads/1");
  });

  it("is dropped when it is cancelled while its completion waits, and waits no longer", async () => {
    statusOf = (request) => (request.endsWith("/complete") ? 503 : 200);
    const controller = new AbortController();
    const uploading = sent(controller.signal).catch((error: unknown) => error);
    await expect.poll(() => timesOf("POST /uploads/1/complete").length).toBe(1);
    controller.abort("enough");
    expect(await uploading).toBe("enough");
    expect(timesOf("POST /uploads/1/complete")).toHaveLength(1);
    expect(requests.at(-1)?.request).toBe("DELETE /uploads/1");
  });

  it("sends a part three times, and waits longer each time", async () => {
    statusOf = (request) => (request === "PUT /provider" ? 0 : 200);
    await expect(sent()).rejects.toMatchObject({ code: "unreachable" });
    const [first = 0, second = 0, third = 0, ...more] = timesOf("PUT /provider");
    expect(more).toEqual([]);
    expect(second - first).toBeGreaterThan(490);
    expect(third - second).toBeGreaterThan(990);
  });

  it("does not send a part again when it is cancelled meanwhile", async () => {
    statusOf = (request) => (request === "PUT /provider" ? 500 : 200);
    const controller = new AbortController();
    const uploading = sent(controller.signal).catch((error: unknown) => error);
    await expect.poll(() => timesOf("PUT /provider").length).toBe(1);
    controller.abort("enough");
    expect(await uploading).toBe("enough");
    await sleep(600);
    expect(timesOf("PUT /provider")).toHaveLength(1);
  });
});
