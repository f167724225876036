import type {
  BlobServiceClient,
  BlockBlobClient,
  ContainerClient,
  StoragePipelineOptions,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { Cancellation } from "../../contract/cancellation.js";
import { loadSdk } from "../../contract/load-sdk.js";
import { refusal } from "../../contract/service-error.js";
import type { Account } from "./account.js";
import { translate } from "./translate.js";

type Sdk = typeof import("@azure/storage-blob");

/** The container with what its requests are made with. */
export interface OpenContainer {
  readonly sdk: Sdk;
  /** Its name. */
  readonly account: string;
  readonly service: BlobServiceClient;
  readonly client: ContainerClient;
  readonly containerName: string;
  /** `undefined` where tokens are used. */
  readonly sharedKey: StorageSharedKeyCredential | undefined;
}

/** Retries are those of the kit's own layer. */
const pipelineOptions: StoragePipelineOptions = {
  retryOptions: { maxTries: 1 },
  keepAliveOptions: { enable: true },
  userAgentOptions: { userAgentPrefix: "svc-infra" },
};

/** Creates the SDK's clients on first use and translates every error of the SDK. */
export class AzureClient {
  readonly #account: Account;
  readonly #container: string;
  #opened: Promise<OpenContainer> | undefined;
  #isClosed = false;

  constructor(account: Account, container: string) {
    this.#account = account;
    this.#container = container;
  }

  /** One request. */
  async send<T>(
    signal: AbortSignal | undefined,
    request: (container: OpenContainer, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.change(signal, (container, cancellation) => request(container, cancellation.signal));
  }

  /** One request that tells its {@link Cancellation} when it can no longer be stopped. */
  async change<T>(
    signal: AbortSignal | undefined,
    request: (container: OpenContainer, cancellation: Cancellation) => Promise<T>,
  ): Promise<T> {
    const cancellation = new Cancellation(signal);
    try {
      return await request(await this.open(), cancellation);
    } catch (error) {
      throw cancellation.signal.aborted ? cancellation.signal.reason : translate(error);
    } finally {
      cancellation.end();
    }
  }

  async open(): Promise<OpenContainer> {
    if (this.#isClosed) throw refusal("unavailable", "the storage has been closed");
    this.#opened ??= this.#make();
    try {
      return await this.#opened;
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
  }

  async #make(): Promise<OpenContainer> {
    const sdk = await loadSdk({
      backend: "azure",
      name: "@azure/storage-blob",
      load: () => import("@azure/storage-blob"),
    });
    const { name, endpoint, access } = this.#account;
    const sharedKey = "key" in access ? new sdk.StorageSharedKeyCredential(name, access.key) : undefined;
    const credential = "key" in access ? undefined : (access.credential ?? (await defaultCredential()));
    const pipeline = sdk.newPipeline(sharedKey ?? credential, pipelineOptions);
    const service = new sdk.BlobServiceClient(endpoint, pipeline);
    const client = service.getContainerClient(this.#container);
    return { sdk, account: name, service, client, containerName: client.containerName, sharedKey };
  }
}

/** The blob of a name. */
export function blobOf({ client }: OpenContainer, name: string): BlockBlobClient {
  return client.getBlockBlobClient(name);
}

async function defaultCredential() {
  const { DefaultAzureCredential } = await loadSdk({
    backend: "azure",
    name: "@azure/identity",
    load: () => import("@azure/identity"),
    otherwise: ", or set STORAGE_AZURE_ACCOUNT_KEY",
  });
  return new DefaultAzureCredential();
}
