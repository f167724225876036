import { connect, type Socket } from "node:net";
import { loadSettings, readEnvironment } from "../../kernel/index.js";
import { BackendUnavailableError, StorageConfigurationError } from "../contract/error.js";
import { Semaphore } from "../contract/semaphore.js";
import { checkStorageOptions, type OptionRules } from "../contract/storage-options.js";
import { clamavVariables } from "./clamav-variables.js";
import type { ClamdAddress } from "./clamd-address.js";
import { ClamdSession } from "./clamd-session.js";
import type { Scanner } from "./scanner.js";

/** Where clamd listens, and what it is set to. */
export interface ClamavOptions {
  /**
   * Path of its Unix socket; either this or `host`. Default: what `STORAGE_CLAMAV_URL` says, else the socket of Debian,
   * `/var/run/clamav/clamd.ctl`.
   */
  readonly socket?: string;
  /** Where clamd listens on TCP, instead of a socket. */
  readonly host?: string;
  /** Default: 3310. */
  readonly port?: number;
  /**
   * The smallest of `StreamMaxLength`, `MaxFileSize` and `MaxScanSize` in clamd.conf, in bytes. Larger content is
   * refused. Default: `STORAGE_CLAMAV_MAX_BYTES`, else 26,214,400.
   */
  readonly maxBytes?: number;
  /**
   * Scans at the same time; the rest wait, and one of content that comes more slowly than 64 KiB in a second ends for them.
   * At most `MaxThreads` of clamd.conf. Default: 4.
   */
  readonly maxScans?: number;
  /** Milliseconds for a connection, for a place among the scans, and for each answer. Default: 30,000. */
  readonly timeoutMs?: number;
}

/** Where the package `clamav-daemon` of Debian and Ubuntu has its socket. */
const debianSocket = "/var/run/clamav/clamd.ctl";

/** By where clamd is and what is set: the scans of one clamd are counted together, and a policy scans once by each scanner. */
const scanners = new Map<string, Scanner>();

/** How often a scan that waits looks for one whose content is late. */
const turnsOfWait = 30;

const rules: OptionRules<ClamavOptions> = {
  call: "clamav",
  kinds: {
    socket: "string",
    host: "string",
    port: "number",
    maxBytes: "number",
    maxScans: "number",
    timeoutMs: "number",
  },
  instead: { socketPath: "socket", timeout: "timeoutMs" },
};

/**
 * Scans with a running clamd, by the command INSTREAM of clamd(8). The same clamd with the same settings is the same scanner,
 * wherever it is named.
 *
 * @throws StorageConfigurationError when both a socket and a host are given; ConfigurationError for a wrong variable.
 * @example
 * const scanner = clamav(); // or clamav({ socket: "/run/clamav/clamd.ctl" })
 */
export function clamav(options: ClamavOptions = {}): Scanner {
  checkStorageOptions(options, rules);
  const { clamavUrl, clamavMaxBytes } = loadSettings(clamavVariables, readEnvironment());
  const { maxBytes = clamavMaxBytes, maxScans = 4, timeoutMs = 30_000 } = options;
  const address = isPlaced(options) ? options : (clamavUrl ?? { socket: debianSocket });
  const { socket, host, port = 3310 } = address;
  const named = JSON.stringify([socket, host, port, maxBytes, maxScans, timeoutMs]);
  const scanner = scanners.get(named) ?? scannerOf({ dial: dialer(address), maxBytes, maxScans, timeoutMs });
  scanners.set(named, scanner);
  return scanner;
}

interface ClamdSettings extends Required<Pick<ClamavOptions, "maxBytes" | "maxScans" | "timeoutMs">> {
  readonly dial: () => Socket;
}

function scannerOf({ dial, maxBytes, maxScans, timeoutMs }: ClamdSettings): Scanner {
  const semaphore = new Semaphore(maxScans);
  const running = new Set<ClamdSession>();
  const open = async () => new ClamdSession(await connected(dial(), timeoutMs), timeoutMs);
  const waitForPlace = async () => {
    const timer = setInterval(() => endLatest(running), timeoutMs / turnsOfWait);
    return semaphore.take(timeoutMs).finally(() => clearInterval(timer));
  };
  return {
    name: "clamav",
    maxBytes,
    async begin() {
      const release = await waitForPlace();
      if (release === undefined) throw unavailable("clamav is busy");
      try {
        const session = await open();
        running.add(session);
        session.onClose(() => {
          running.delete(session);
          release();
        });
        session.begin();
        return session;
      } catch (error) {
        release();
        throw error;
      }
    },
    async check() {
      const session = await open();
      await session.ping().finally(() => session.cancel());
    },
  };
}

/** Makes room for a scan that waits: one whose content is late ends, and never more than one in a turn. */
function endLatest(running: Iterable<ClamdSession>): void {
  const [latest] = [...running].toSorted((a, b) => b.lateMs - a.lateMs);
  if (latest !== undefined && latest.lateMs > 0) latest.giveWay();
}

function isPlaced({ socket, host, port }: ClamavOptions): boolean {
  return [socket, host, port].some((given) => given !== undefined);
}

function dialer({ socket, host, port = 3310 }: ClamdAddress): () => Socket {
  if ((socket === undefined) === (host === undefined)) {
    throw new StorageConfigurationError({ message: "clamav: give either 'socket' or 'host'" });
  }
  return () => (socket === undefined ? connect({ host: host ?? "", port }) : connect({ path: socket }));
}

function connected(socket: Socket, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (cause?: unknown) => {
      socket.destroy();
      reject(unavailable("clamav cannot be reached", cause));
    };
    socket.setTimeout(timeoutMs, fail);
    socket.once("error", fail).once("connect", () => {
      socket.off("error", fail).setTimeout(0, fail);
      resolve(socket);
    });
  });
}

function unavailable(message: string, cause?: unknown): BackendUnavailableError {
  return new BackendUnavailableError({ message, retryAfterMs: 10_000, cause });
}
