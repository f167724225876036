import { checkTenant, isLimit } from "./arguments.js";
import type { Capabilities, Layer, StorageBackend } from "./contract/backend.js";
import { StorageConfigurationError } from "./contract/error.js";
import { checkMethods, checkStorageOptions, type OptionRules } from "./contract/storage-options.js";
import { attempt } from "./failure.js";
import { prefix } from "./layers/prefix.js";
import { OperationObservers } from "./operation-observers.js";
import { checkOptionNames } from "./option-names.js";
import type { StorageOptions } from "./options.js";
import type { PolicyOptions } from "./policy/index.js";
import { Policy } from "./policy/policy.js";
import { StorageFiles } from "./storage-files.js";
import { TenantStorage } from "./tenant-storage.js";
import { type SweepOptions, type SweepReport, sweepUploads } from "./uploads/sweep.js";

const rules: OptionRules<StorageOptions> = {
  call: "new Storage",
  kinds: { maxBytes: "anything", policy: "object|array" },
};

/** What tells a backend; there is nothing to inherit from. */
const backendMethods = ["stat", "read", "write", "classify"];

const noBackend =
  "new Storage takes a backend, as in new Storage(new MemoryBackend()); easyStorage makes a storage from the environment";

/**
 * What an application holds: one interface over every backend.
 *
 * @example
 * const storage = new Storage(new MemoryBackend());
 * await storage.put("reports/2026.txt", "all is well");
 */
export class Storage<C extends Capabilities = Capabilities> extends StorageFiles<C> {
  /** The backend with its layers. */
  readonly backend: StorageBackend<C>;
  /** The options it was made with; those of a storage and of what is derived from it are the same object. */
  readonly options: StorageOptions;
  /**
   * Told of each call that has ended, to this storage and to what is derived from it: for a log or a count of its own. The
   * channels of docs/guide/observability.md tell of every storage of the process.
   *
   * @example
   * const stop = storage.observers.add(({ operation, key, error }) => console.log(operation, key, error));
   */
  readonly observers: OperationObservers;

  /** @throws StorageConfigurationError for what is no backend, an unknown option, a wrong `maxBytes` or policy. */
  constructor(
    backend: StorageBackend<C>,
    options: StorageOptions = {},
    observers: OperationObservers = new OperationObservers(),
  ) {
    checkMethods(backend, backendMethods, noBackend);
    checkStorageOptions(options, rules);
    if (options.maxBytes !== undefined && !isLimit(options.maxBytes)) {
      throw new StorageConfigurationError({ message: "maxBytes must be a number of bytes" });
    }
    Policy.of(options.policy);
    super({ backend, options, scope: "", observers });
    this.backend = backend;
    this.options = options;
    this.observers = observers;
  }

  /**
   * The same storage with more layers around it; the first one is outermost.
   *
   * @example
   * import { retry } from "svc-infra/storage";
   *
   * const patient = storage.with(retry({ attempts: 8 }));
   */
  with(...layers: readonly Layer[]): Storage<C> {
    if (!layers.every((layer) => typeof layer === "function")) {
      throw new StorageConfigurationError({
        message: "with takes layers, as in storage.with(retry(), timeout(5000))",
      });
    }
    const layered = layers.reduceRight<StorageBackend<C>>((inner, layer) => layer(inner), this.backend);
    return new Storage(layered, this.options, this.observers);
  }

  /**
   * The same storage with further rules; those that it has still hold.
   *
   * @example
   * const pictures = storage.withPolicy({ types: ["image/*"], maxBytes: "5MB" });
   */
  withPolicy(policy: PolicyOptions): Storage<C> {
    const own = this.options.policy ?? [];
    return new Storage(this.backend, { ...this.options, policy: [own, policy].flat() }, this.observers);
  }

  /**
   * The part of the storage below `{id}/`: nothing outside can be named, listed, signed or learned of. It reaches neither
   * the backend nor other layers, and cannot close the storage.
   *
   * @param id - 1 to 64 of `a-z 0-9 _ -`, not `public`.
   * @throws InvalidArgumentError for any other id.
   *
   * @example
   * const files = storage.forTenant("acme");
   * await files.put("logo.png", bytes); // stored as acme/logo.png
   */
  forTenant(id: string): TenantStorage<C> {
    const scope = `${checkTenant(id)}/`;
    const { options, observers } = this;
    return new TenantStorage(id, { backend: prefix(scope)(this.backend), options, scope, observers });
  }

  /**
   * Removes what abandoned uploads left: what was sent and never completed, parts that the provider still keeps, temporary
   * files of dead processes. Uploads whose time is not over are left alone. `addStorage` does it every hour.
   *
   * @throws StorageError when the storage cannot be reached.
   *
   * @example
   * const { staged, uploads } = await storage.sweep({ dryRun: true });
   */
  sweep(options: SweepOptions = {}): Promise<SweepReport> {
    const { backend, observers } = this;
    const { signal } = options;
    const call = { backend, operation: "sweep", key: undefined, options: { signal }, observers } as const;
    return attempt(call, () => {
      checkOptionNames("sweep", options);
      return sweepUploads(backend, options);
    });
  }

  /**
   * Releases what the backend holds. Idempotent; calls after it fail. `addStorage` does it when the app closes.
   *
   * @example
   * await storage.close();
   */
  async close(): Promise<void> {
    await this.backend.close();
  }

  /** As {@link close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
