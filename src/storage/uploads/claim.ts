import type { CallOptions, StorageBackend } from "../contract/backend.js";
import { codeOf, type FoundLease, type Lease, type UploadLease, writeLease } from "./lease.js";

/**
 * The lease of an upload while one call publishes the upload. Other calls may do the same at the same time, and a call
 * before may have died.
 */
export class Claim implements UploadLease {
  readonly id: string;
  readonly lease: Lease;
  readonly #backend: StorageBackend;
  #version: string;
  #isOvertaken = false;

  constructor(backend: StorageBackend, { id, lease, version }: UploadLease) {
    this.id = id;
    this.lease = lease;
    this.#backend = backend;
    this.#version = version;
  }

  /** The version of the lease, as this call wrote or saw it last. */
  get version(): string {
    return this.#version;
  }

  /** Whether another call changed the lease before this one could {@link mark} it, so that nothing was published. */
  get isOvertaken(): boolean {
    return this.#isOvertaken;
  }

  /** Whether a call other than this one may have published the upload, by what the lease says now. */
  isShared({ version }: FoundLease): boolean {
    return this.lease.publishing !== undefined || version !== this.#version;
  }

  /**
   * Keeps which version of the content is about to be published: conditions do not hold any more once it is. It never
   * replaces what another call has kept.
   */
  async mark(publishing: string, { signal }: CallOptions): Promise<void> {
    const marked = { ...this.lease, publishing };
    try {
      this.#version = await writeLease(this.#backend, this.id, marked, { signal, version: this.#version });
    } catch (error) {
      this.#isOvertaken = codeOf(this.#backend, error) === "precondition_failed";
      throw error;
    }
  }
}
