import { Storage } from "svc-infra/storage";
import { AzureBackend, type AzureBackendOptions } from "svc-infra/storage/azure";
import { onTestFinished } from "vitest";
import type { AzuriteRig } from "../../rigs/azurite.js";
import { type FaultProxy, startFaultProxy } from "../../rigs/fault-proxy.js";

/** A backend whose requests are seen, and spoiled. */
export interface Wire {
  readonly proxy: FaultProxy;
  readonly backend: AzureBackend;
  readonly storage: Storage;
  /** Requests since the last look: the method, and what is done to what: `PUT comp=block`. */
  visits(): readonly string[];
}

/** A wire of its own for a test, to the container of the rig. */
export async function freshWire(rig: AzuriteRig, options: Partial<AzureBackendOptions> = {}): Promise<Wire> {
  const { origin, pathname } = new URL(rig.endpoint);
  const proxy = await startFaultProxy(origin);
  const { account, accountKey } = rig;
  const endpoint = `${proxy.endpoint}${pathname}`;
  const backend = new AzureBackend({ container: "svc-infra", account, accountKey, endpoint, ...options });
  onTestFinished(async () => {
    await backend.close();
    await proxy.stop();
  });
  let seen = 0;
  const visits = () => {
    const fresh = proxy.visits.slice(seen);
    seen = proxy.visits.length;
    return fresh.map(({ method, target }) => `${method} ${/comp=[a-z]+/.exec(target)?.[0] ?? ""}`.trim());
  };
  return { proxy, backend, storage: new Storage(backend), visits };
}

/** A source that gives a content in pieces, once. */
export async function* inPieces(bytes: Uint8Array, pieceBytes = 50_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
