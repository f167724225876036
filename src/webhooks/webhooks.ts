import type { Logger } from "../kernel/index.js";
import { ForeignClient } from "../outbound/index.js";
import type { Database } from "../sql/index.js";
import { Deliveries } from "./deliveries/deliveries.js";
import type { WebhookEvent } from "./deliveries/delivery.js";
import { DeliveryClaims } from "./deliveries/delivery-claims.js";
import { DeliveryPump, type PumpOptions } from "./deliveries/delivery-pump.js";
import { SecretBox } from "./secret-box.js";
import type { WebhookSettings } from "./settings.js";
import { proveUrl } from "./subscriptions/prove-url.js";
import type { Subscription } from "./subscriptions/subscription.js";
import { Subscriptions } from "./subscriptions/subscriptions.js";

/** What {@link Webhooks} needs besides its settings. */
export interface WebhooksContext {
  readonly db: Database;
  readonly log: Logger;
  readonly onDisabled: PumpOptions["onDisabled"];
  /** Whether endpoints may be on private addresses and speak http: for development and tests. */
  readonly allowPrivateAddresses: boolean;
  readonly ports: readonly number[] | undefined;
  /** Milliseconds that attempts under way have when the app closes. */
  readonly closeGraceMs: number;
}

const dayMs = 24 * 60 * 60 * 1000;

/** Webhooks of one service: subscriptions of its tenants, and deliveries to them. */
export class Webhooks {
  readonly subscriptions: Subscriptions;
  readonly deliveries: Deliveries;
  readonly #client: ForeignClient;
  readonly #pump: DeliveryPump;

  /** @param settings - with a key to encrypt secrets. */
  constructor(settings: WebhookSettings & { readonly encryptKey: object }, context: WebhooksContext) {
    const { db, log, onDisabled, allowPrivateAddresses, ports, closeGraceMs } = context;
    const { timeoutMs, concurrency } = settings;
    this.#client = new ForeignClient({
      timeoutMs,
      allowPrivateAddresses,
      allowHttp: allowPrivateAddresses,
      ports: ports ?? (allowPrivateAddresses ? "any" : undefined),
    });
    this.subscriptions = new Subscriptions(db, new SecretBox(settings.encryptKey), this.#client);
    this.deliveries = new Deliveries(db);
    this.#pump = new DeliveryPump({
      deliveries: this.deliveries,
      claims: new DeliveryClaims(db),
      subscriptions: this.subscriptions,
      client: this.#client,
      log,
      concurrency,
      timeoutMs,
      pollMs: 1000,
      closeGraceMs,
      retentionMs: settings.retentionDays * dayMs,
      onDisabled,
    });
  }

  /**
   * Delivers an event to each subscription of its tenant that names its type. Resolves when the deliveries are kept: from
   * then on they outlive the process.
   *
   * @returns how many deliveries were made; none for an event that was dispatched before.
   */
  async dispatch(event: WebhookEvent): Promise<number> {
    const made = await this.deliveries.dispatch([event]);
    if (made > 0) this.#pump.wake();
    return made;
  }

  /** The same for many events, with a transaction of the caller, who wakes the deliveries when it is committed. */
  dispatchIn(tx: Database, events: readonly WebhookEvent[]): Promise<number> {
    return this.deliveries.dispatch(events, tx);
  }

  /** Sends the challenge to a subscription's URL. @throws HttpError (404, 422) */
  async prove(tenant: string, id: string): Promise<Subscription> {
    const row = await this.subscriptions.row(tenant, id);
    await proveUrl(this.#client, row.url, this.subscriptions.secretsOf(row));
    return this.subscriptions.markProved(tenant, id, row.url);
  }

  /** Looks for deliveries that are due, at once; a process that does not deliver leaves them to others. */
  wake(): void {
    this.#pump.wake();
  }

  /** Begins to deliver. */
  start(): void {
    this.#pump.start();
  }

  /** Makes no more attempts; those under way have `closeGraceMs` from now on. */
  stop(): void {
    this.#pump.stop();
  }

  /** Waits for the attempts that are under way and gives back what does not end; what is due waits for the next start. */
  async close(): Promise<void> {
    await this.#pump.close();
  }
}
