import { channel } from "node:diagnostics_channel";
import { setTimeout as sleep } from "node:timers/promises";
import { type Logger, within } from "../../kernel/index.js";
import { type ForeignClient, ForeignError } from "../../outbound/index.js";
import type { DisabledSubscription } from "../subscriptions/subscription.js";
import type { Subscriptions } from "../subscriptions/subscriptions.js";
import { ClaimedLine, claimedAhead } from "./claimed-line.js";
import type { Deliveries } from "./deliveries.js";
import type { WebhookAttempt } from "./delivery.js";
import type { ClaimedDelivery, DeliveryClaims, Outcome, SettledAttempt } from "./delivery-claims.js";
import { type EndpointAnswer, postSigned } from "./post-signed.js";
import { longestRestMs, nextWaitMs, retryAfterMs } from "./retry-schedule.js";

const attempts = channel("svc-infra:webhooks:attempt");

const failingLimitMs = 5 * 24 * 60 * 60 * 1000;
const cleaningMs = 60 * 60 * 1000;
/** Milliseconds that telling an owner may take, so that nothing waits for it without end. */
const tellingMs = 10_000;
/** Milliseconds after which an owner that could not be told is told again. */
const tellAgainMs = 60_000;
/** Milliseconds before each query, so that one serves many wake-ups, and one many attempts that end. */
const gatheringMs = 10;
/** Milliseconds that a claimed delivery may wait: meanwhile its subscription may be paused, moved or removed. */
const longestWaitMs = 2_000;
/** Milliseconds that deliveries have to be given back whose attempts closing has ended. */
const givingBackMs = 1_000;

/** What a {@link DeliveryPump} is made of. */
export interface PumpOptions {
  readonly deliveries: Pick<Deliveries, "removeOld">;
  readonly claims: DeliveryClaims;
  readonly subscriptions: Subscriptions;
  readonly client: ForeignClient;
  readonly log: Logger;
  /** Deliveries at the same time, four at least; one server has at most a quarter of them, one tenant three quarters. */
  readonly concurrency: number;
  /** Time limit of one attempt, in milliseconds. After three times as long another process may claim the delivery. */
  readonly timeoutMs: number;
  /** Milliseconds between looks at the table when nothing is told. */
  readonly pollMs: number;
  /** Milliseconds that attempts under way have to end from {@link DeliveryPump.stop} on; then they are given back. */
  readonly closeGraceMs: number;
  readonly retentionMs: number;
  /** Tells the owner of a subscription that it was disabled: at least once, and again when it fails or takes too long. */
  readonly onDisabled: (subscription: DisabledSubscription) => unknown;
}

/**
 * Attempts what is due. Any number of processes share the table; each takes rows that no other has. A process that dies
 * holds its rows until their claim ends.
 */
export class DeliveryPump {
  readonly #options: PumpOptions;
  readonly #share: number;
  /** Most attempts that one tenant may have at once: its slow servers leave room for the others. */
  readonly #tenantShare: number;
  readonly #line: ClaimedLine;
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  /** Attempts that are to be written down next, and the promise that they are. */
  readonly #ended: SettledAttempt[] = [];
  #settling: ReturnType<DeliveryClaims["settle"]> | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  #cleanedAt = 0;
  #toldAt = 0;
  #isStarted = false;
  #isOpen = true;
  /** One for each attempt under way. Node 20 keeps what is derived from a signal for as long as that signal lives. */
  readonly #attempting = new Set<AbortController>();
  #stopped: Promise<void> | undefined;
  /** Whether a look waits for its turn; it will see what is told until then, too. */
  #willLook = false;

  constructor(options: PumpOptions) {
    const { concurrency, timeoutMs } = options;
    this.#options = options;
    this.#share = Math.floor(concurrency / 4);
    this.#tenantShare = concurrency - this.#share;
    this.#line = new ClaimedLine({
      concurrency,
      share: this.#share,
      tenantShare: this.#tenantShare,
      longestWaitMs: Math.min(longestWaitMs, timeoutMs),
    });
  }

  /** Looks for deliveries that are due, now and from time to time. */
  start(): void {
    this.#isStarted = true;
    this.wake();
  }

  /** Looks now: something was dispatched. A process that was not started leaves it to others. */
  wake(): void {
    if (!this.#isStarted || !this.#isOpen || this.#willLook) return;
    clearTimeout(this.#timer);
    this.#willLook = true;
    this.#turn = this.#turn.then(() => sleep(gatheringMs)).then(() => this.#look());
  }

  /** Takes no more deliveries, and gives those back that wait. Attempts under way have `closeGraceMs` from now on. */
  stop(): void {
    this.#isOpen = false;
    this.#stopped ??= this.#stop();
  }

  /** Stops, and resolves when no attempt is under way. */
  close(): Promise<void> | undefined {
    this.stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await within(this.#options.closeGraceMs, this.#end());
    for (const each of this.#attempting) each.abort();
    await within(givingBackMs, Promise.all(this.#running));
  }

  async #end(): Promise<void> {
    const { claims, log } = this.#options;
    clearTimeout(this.#timer);
    await this.#turn;
    clearTimeout(this.#timer);
    const released = claims.release(this.#line.clear()).catch((error: unknown) => {
      log.error({ err: error }, "webhooks: deliveries could not be given back");
    });
    await Promise.all([...this.#running, released]);
  }

  async #look(): Promise<void> {
    this.#willLook = false;
    if (!this.#isOpen) return;
    try {
      await this.#take();
      this.#cleanInTime();
      this.#tellOwnersInTime();
    } catch (error) {
      this.#options.log.error({ err: error }, "webhooks: the deliveries could not be read");
    }
    if (this.#isOpen) this.#timer = setTimeout(() => this.wake(), this.#options.pollMs).unref();
  }

  /** Claims what is due, as much of it as the limits leave. */
  async #take(): Promise<void> {
    const { claims, concurrency, timeoutMs } = this.#options;
    await claims.release(this.#line.late());
    const limit = concurrency * claimedAhead - this.#line.size;
    if (limit <= 0) return;
    const claimedAt = performance.now();
    const rules = {
      limit,
      share: this.#share * claimedAhead,
      tenantShare: this.#tenantShare * claimedAhead,
      held: this.#line.held(),
    };
    this.#line.add(await claims.claim(rules, timeoutMs * 3), claimedAt);
    this.#start();
  }

  #start(): void {
    if (this.#isOpen) for (const each of this.#line.start()) this.#run(each);
  }

  #run(claimed: ClaimedDelivery): void {
    const { id } = claimed.delivery;
    const work = this.#attempt(claimed)
      .catch((error: unknown) =>
        this.#options.log.error({ err: error, delivery: id }, "webhooks: an attempt failed"),
      )
      .finally(() => {
        this.#running.delete(work);
        this.#line.recorded(id);
        this.#start();
        if (this.#line.isShort(claimed)) this.wake();
      });
    this.#running.add(work);
  }

  async #attempt(claimed: ClaimedDelivery): Promise<void> {
    const { claims } = this.#options;
    const { delivery, subscription } = claimed;
    const answer = await this.#post(claimed);
    // That the service closes is no failure of the endpoint.
    if (answer === undefined) return claims.release([claimed]);
    const outcome = outcomeOf(answer, delivery.tries + 1);
    tell(answer, outcome);
    const held = outcome.state === "delivered" ? [] : this.#line.clear(subscription.id);
    this.#line.answered(delivery.id);
    this.#start();
    const at = new Date();
    const failing = await this.#settle({ claimed, at, answer, outcome, resumeAt: resumeAt(answer, at) });
    await claims.release(held);
    const reason = disablingReason(answer, at, failing.get(subscription.id));
    if (reason !== undefined) await this.#disable(claimed, reason);
  }

  /**
   * What cannot be sent, as when the key of its secret is gone, is an attempt that failed: it is logged and ends in time.
   *
   * @returns `undefined` when closing ended it before an answer.
   */
  async #post({ delivery, subscription }: ClaimedDelivery): Promise<EndpointAnswer | undefined> {
    const { client, subscriptions, log } = this.#options;
    const { eventId: id, body } = delivery;
    const ending = new AbortController();
    this.#attempting.add(ending);
    try {
      const secrets = subscriptions.secretsOf(subscription);
      const { signal } = ending;
      return await postSigned(client, { id, url: subscription.url, body, secrets, signal });
    } catch (error) {
      if (error instanceof ForeignError) return undefined;
      log.error({ err: error, delivery: delivery.id }, "webhooks: a message could not be sent");
      const detail = "the message could not be sent; the log of the service says why";
      return { status: undefined, detail, milliseconds: 0, retryAfter: undefined, isRefused: false };
    } finally {
      this.#attempting.delete(ending);
    }
  }

  /** Attempts that end soon after each other, or while others are written down, are written down together. */
  #settle(attempt: SettledAttempt): ReturnType<DeliveryClaims["settle"]> {
    this.#ended.push(attempt);
    this.#settling ??= Promise.all([this.#writing, sleep(gatheringMs)]).then(() => {
      const ended = this.#ended.splice(0);
      this.#settling = undefined;
      const writing = this.#options.claims.settle(ended);
      this.#writing = writing.catch(() => undefined);
      return writing;
    });
    return this.#settling;
  }

  async #disable({ subscription }: ClaimedDelivery, reason: string): Promise<void> {
    const { id, tenant, provedAt } = subscription;
    const { subscriptions, log } = this.#options;
    if (!(await subscriptions.disable(id, reason, provedAt))) return;
    log.warn({ subscription: id, tenant, reason }, "webhooks: a subscription was disabled");
    this.#tellOwners();
  }

  #tellOwnersInTime(): void {
    const now = performance.now();
    if (this.#toldAt !== 0 && now - this.#toldAt < tellAgainMs) return;
    this.#toldAt = now;
    this.#tellOwners();
  }

  /** That an owner is to be told is kept with the subscription: a process that dies here leaves it to another one. */
  #tellOwners(): void {
    const { subscriptions, log } = this.#options;
    const work = subscriptions
      .takeUntold(tellAgainMs)
      .then((untold) => Promise.all(untold.map((each) => this.#tellOwner(each))))
      .catch((error: unknown) =>
        log.error({ err: error }, "webhooks: owners of disabled subscriptions could not be read"),
      )
      .then(() => void this.#running.delete(work));
    this.#running.add(work);
  }

  async #tellOwner(disabled: DisabledSubscription): Promise<void> {
    const { subscriptions, onDisabled, log } = this.#options;
    const timer = new AbortController();
    const late = sleep(tellingMs, undefined, { signal: timer.signal, ref: false }).then(() => {
      throw new Error(`onDisabled took longer than ${tellingMs} ms`);
    });
    try {
      await Promise.race([(async () => onDisabled(disabled))(), late]);
      await subscriptions.markTold(disabled);
    } catch (error) {
      const words =
        "webhooks: an owner could not be told that a subscription was disabled; trying again later";
      log.error({ err: error, subscription: disabled.id, tenant: disabled.tenant }, words);
    } finally {
      late.catch(() => undefined);
      timer.abort();
    }
  }

  /** No delivery waits for it: there may be much to remove. */
  #cleanInTime(): void {
    const now = Date.now();
    if (now - this.#cleanedAt < cleaningMs) return;
    this.#cleanedAt = now;
    const { deliveries, retentionMs, log } = this.#options;
    const work = deliveries
      .removeOld(new Date(now - retentionMs))
      .catch((error: unknown) => log.error({ err: error }, "webhooks: old deliveries could not be removed"))
      .then(() => void this.#running.delete(work));
    this.#running.add(work);
  }
}

function outcomeOf({ status, isRefused, retryAfter }: EndpointAnswer, tries: number): Outcome {
  if (status !== undefined && status >= 200 && status < 300) return { state: "delivered" };
  if (isRefused || status === 410) return { state: "failed" };
  const now = Date.now();
  const waitMs = nextWaitMs(tries, retryAfterMs(retryAfter, now), Math.random());
  return waitMs === undefined
    ? { state: "failed" }
    : { state: "pending", nextAttemptAt: new Date(now + waitMs) };
}

/** An endpoint that limits or closes for a time means all messages, not the one that it answered (RFC 9110 §10.2.3). */
function resumeAt({ status, retryAfter }: EndpointAnswer, at: Date): Date | undefined {
  if (status !== 429 && status !== 503) return undefined;
  const restMs = retryAfterMs(retryAfter, at.getTime());
  return restMs === undefined ? undefined : new Date(at.getTime() + Math.min(restMs, longestRestMs));
}

function tell({ milliseconds }: EndpointAnswer, { state }: Outcome): void {
  if (!attempts.hasSubscribers) return;
  const outcome = state === "pending" ? "retried" : state;
  attempts.publish({ outcome, durationSeconds: milliseconds / 1000 } satisfies WebhookAttempt);
}

function disablingReason(
  { status }: EndpointAnswer,
  at: Date,
  failingSince: Date | undefined,
): string | undefined {
  if (status === 410) return "the endpoint answered 410 Gone";
  const failedMs = failingSince === undefined ? 0 : at.getTime() - failingSince.getTime();
  return failedMs >= failingLimitMs ? "the endpoint has failed for five days" : undefined;
}
