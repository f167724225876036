// @ts-check
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { Daemons } from "./daemons.js";
import { freePorts } from "./free-ports.js";
import { installLocked } from "./locked-packages.js";
import { stayWhenRunDirectly } from "./stay.js";

/**
 * A running emulator of Azure Blob Storage.
 *
 * @typedef {object} AzuriteRig
 * @property {string} endpoint - of the account's blob service.
 * @property {string} account
 * @property {string} accountKey
 * @property {string} connectionString
 * @property {string} certificateFile - that a client has to trust; empty without `oauth`.
 * @property {Readonly<Record<string, string>>} env - settings of svc-infra; the container is there.
 * @property {(name: string) => Promise<void>} createContainer
 * @property {() => Promise<void>} stop
 */

const account = "svcinfratest";
const container = "svc-infra";
const server = fileURLToPath(new URL("azurite-server.js", import.meta.url));
/** Azure keeps idle connections for minutes. Those that end after 5 s are reset under a request on a busy machine. */
const keepAliveSeconds = 300;
const settings = [
  "--silent",
  "--disableTelemetry",
  "--inMemoryPersistence",
  "--skipApiVersionCheck",
  "--blobKeepAliveTimeout",
  keepAliveSeconds,
];

/**
 * Starts Azurite, the official emulator of Azure Storage, which keeps everything in memory.
 *
 * @param {{ oauth?: boolean, memoryMiB?: number }} [options] - `oauth`: by https, and bearer tokens are taken too;
 *   `memoryMiB`: how much it takes (4096).
 * @returns {Promise<AzuriteRig>}
 * @throws Error with the last lines of its log when it does not start.
 */
export async function startAzurite({ oauth = false, memoryMiB = 4096 } = {}) {
  installLocked("azurite");
  const daemons = await Daemons.inOwnFolder("azurite");
  return daemons.whole(async () => {
    const [port = 0] = await freePorts(1);
    const accountKey = randomBytes(64).toString("base64");
    if (oauth) await daemons.run("certificate", "openssl", certificateArguments(daemons.folder));
    const words = [
      server,
      ...settings,
      "--disableProductStyleUrl",
      "--blobHost",
      "127.0.0.1",
      "--blobPort",
      port,
    ];
    const limit = ["--extentMemoryLimit", memoryMiB];
    const secure = oauth ? ["--oauth", "basic", "--cert", "cert.pem", "--key", "key.pem"] : [];
    const accounts = `AZURITE_ACCOUNTS=${account}:${accountKey}`;
    daemons.start("azurite", "env", [
      accounts,
      process.execPath,
      ...[...words, ...limit, ...secure].map(String),
    ]);
    const endpoint = `${oauth ? "https" : "http"}://127.0.0.1:${port}/${account}`;
    await daemons.until("Azurite to answer", () => isUp(port));
    return rigOf(daemons, { endpoint, accountKey, oauth });
  });
}

/** @param {number} port */
async function isUp(port) {
  const { connect } = await import("node:net");
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

/** @param {string} folder */
function certificateArguments(folder) {
  const files = ["-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`];
  const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
  return ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...files, ...name];
}

/**
 * @param {Daemons} daemons
 * @param {{ endpoint: string, accountKey: string, oauth: boolean }} access
 * @returns {Promise<AzuriteRig>}
 */
async function rigOf(daemons, { endpoint, accountKey, oauth }) {
  const service = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(account, accountKey));
  const protocol = endpoint.slice(0, endpoint.indexOf(":"));
  const named = `DefaultEndpointsProtocol=${protocol};AccountName=${account};AccountKey=${accountKey}`;
  const env = {
    STORAGE_BACKEND: "azure",
    STORAGE_AZURE_CONTAINER: container,
    STORAGE_AZURE_ENDPOINT: endpoint,
    STORAGE_AZURE_ACCOUNT: account,
    STORAGE_AZURE_ACCOUNT_KEY: accountKey,
  };
  const createContainer = async (/** @type {string} */ name) => {
    await service.getContainerClient(name).create();
  };
  // By https only a process that trusts the certificate can make containers.
  if (!oauth) await createContainer(container);
  return {
    endpoint,
    account,
    accountKey,
    connectionString: `${named};BlobEndpoint=${endpoint};`,
    certificateFile: oauth ? `${daemons.folder}/cert.pem` : "",
    env,
    createContainer,
    stop: () => daemons.stop(),
  };
}

await stayWhenRunDirectly(import.meta.url, startAzurite);
