// @ts-check
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import http from "node:http";

/** The only version that the SDK of this project sends. */
const apiVersion = "2026-10-28.endive";

/**
 * @typedef {object} Subscription
 * @property {string} id
 * @property {string} customer
 * @property {string} price
 * @property {string} status
 * @property {number} start_date - seconds since the epoch.
 * @property {number} current_period_start - seconds since the epoch.
 * @property {number} current_period_end - seconds since the epoch.
 * @property {boolean} cancel_at_period_end
 */

/** @typedef {{ id: string, customer: string, price: string, success_url: string, status: string, metadata: Record<string, string> }} Session */

/** Seconds of a period. */
const periodSeconds = 30 * 86_400;

/**
 * Stands in for Stripe, which cannot be installed: the few resources that the kit uses, written from the documentation.
 * It checks key, version, form encoding, required parameters and idempotency keys, refuses what Stripe refuses, and signs
 * its events. Money is only counted.
 */
export class StripeDouble {
  /** @type {Map<string, { id: string, tenant: string }>} */
  customers = new Map();
  /** @type {Map<string, Subscription>} */
  subscriptions = new Map();
  /** Checkout sessions that were made. @type {Session[]} */
  sessions = [];
  /** @type {{ id: string, payment: string, amount: string | undefined }[]} */
  refunds = [];
  /** Until when each subscription was ever paid for, in seconds since the epoch; its invoices tell it. @type {Map<string, number>} */
  paidThrough = new Map();
  /** Each idempotency key that came. @type {Set<string>} */
  keys = new Set();
  /**
   * Decides what becomes of a call: `lose` does the work and cuts the connection, `fail` answers 500, and `down` does
   * nothing and cuts the connection.
   *
   * @type {() => "give" | "lose" | "fail" | "down"}
   */
  fate = () => "give";
  /** @type {Map<string, { request: string, status: number, answer: unknown }>} */
  #answers = new Map();
  #server = http.createServer((request, response) => {
    this.#answer(request, response).catch(() => response.destroy());
  });

  /** @param {{ key: string, webhookSecret: string }} account */
  constructor({ key, webhookSecret }) {
    this.key = key;
    this.webhookSecret = webhookSecret;
  }

  async start() {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    return this;
  }

  get url() {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** The customer pays: a subscription begins. @param {string} customer @param {string} price */
  subscribe(customer, price) {
    const id = `sub_${randomUUID()}`;
    const now = Math.floor(Date.now() / 1000);
    /** @type {Subscription} */
    const subscription = {
      id,
      customer,
      price,
      status: "active",
      start_date: now,
      current_period_start: now,
      current_period_end: now + periodSeconds,
      cancel_at_period_end: false,
    };
    this.subscriptions.set(id, subscription);
    this.paidThrough.set(id, subscription.current_period_end);
    return subscription;
  }

  /** The customer pays a checkout, which is possible once, while it is open. @param {Session} session */
  pay(session) {
    if (session.status !== "open") return undefined;
    session.status = "complete";
    return this.subscribe(session.customer, session.price);
  }

  /** The time goes on for one subscription, so that its period ended so long ago. @param {Subscription} subscription @param {number} secondsAgo */
  endPeriod(subscription, secondsAgo) {
    const now = Math.floor(Date.now() / 1000);
    const shift = now - secondsAgo - subscription.current_period_end;
    subscription.start_date += shift;
    subscription.current_period_start += shift;
    subscription.current_period_end += shift;
    const paid = this.paidThrough.get(subscription.id) ?? 0;
    this.paidThrough.set(subscription.id, paid + shift);
  }

  /**
   * The next period begins, paid or not (https://docs.stripe.com/billing/subscriptions/overview): the period of an unpaid
   * subscription goes on, too.
   *
   * @param {Subscription} subscription @param {boolean} isPaid
   */
  renew(subscription, isPaid) {
    subscription.current_period_start = subscription.current_period_end;
    subscription.current_period_end += periodSeconds;
    subscription.status = isPaid ? "active" : "past_due";
    if (isPaid) this.paidThrough.set(subscription.id, subscription.current_period_end);
  }

  /** An event about a subscription as it was, signed (https://docs.stripe.com/webhooks). @param {Subscription} subscription @param {string} type */
  event(subscription, type = "customer.subscription.updated") {
    const body = JSON.stringify({
      id: `evt_${randomUUID()}`,
      object: "event",
      api_version: apiVersion,
      type,
      data: { object: described(subscription) },
    });
    return { body, headers: this.sign(body) };
  }

  /** @param {string} body */
  sign(body, seconds = Math.floor(Date.now() / 1000)) {
    const signature = createHmac("sha256", this.webhookSecret).update(`${seconds}.${body}`).digest("hex");
    return { "content-type": "application/json", "stripe-signature": `t=${seconds},v1=${signature}` };
  }

  /** @param {http.IncomingMessage} request @param {http.ServerResponse} response */
  async #answer(request, response) {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces).toString();
    const fate = this.fate();
    if (fate === "down") {
      response.destroy();
      return;
    }
    const { status, answer } = this.#once(request, body, fate === "fail");
    if (fate === "lose") {
      response.destroy();
      return;
    }
    response.writeHead(status, { "content-type": "application/json", "request-id": `req_${randomUUID()}` });
    response.end(JSON.stringify(answer));
  }

  /**
   * The same key with the same request gives the same answer, also one of status 500
   * (https://docs.stripe.com/api/idempotent_requests).
   *
   * @param {http.IncomingMessage} request @param {string} body @param {boolean} isFailing
   */
  #once(request, body, isFailing) {
    const key = request.headers["idempotency-key"];
    const about = `${request.method} ${request.url} ${body}`;
    if (typeof key === "string") this.keys.add(key);
    const known = typeof key === "string" ? this.#answers.get(key) : undefined;
    if (known !== undefined && known.request !== about) {
      return refusal(
        400,
        "idempotency_error",
        "Keys for idempotent requests can only be used with the same parameters",
      );
    }
    if (known !== undefined) return known;
    const made =
      this.#refuse(request) ?? (isFailing ? failed : this.#route(request, new URLSearchParams(body)));
    // Refusals of the request itself are kept too; those before it began are not.
    if (typeof key === "string" && made.status !== 401) this.#answers.set(key, { request: about, ...made });
    return made;
  }

  /** @param {http.IncomingMessage} request */
  #refuse({ method, headers }) {
    if (headers.authorization !== `Bearer ${this.key}`) {
      return refusal(401, "invalid_request_error", "Invalid API Key provided");
    }
    if (headers["stripe-version"] !== apiVersion) {
      return refusal(400, "invalid_request_error", "Invalid Stripe API version");
    }
    if (method === "POST" && headers["content-type"] !== "application/x-www-form-urlencoded") {
      return refusal(400, "invalid_request_error", "Invalid content type");
    }
    return undefined;
  }

  /** @param {http.IncomingMessage} request @param {URLSearchParams} form */
  #route({ method, url = "" }, form) {
    const { pathname, searchParams } = new URL(url, this.url);
    const [, customer] = /^\/v1\/customers\/([^/]+)$/.exec(pathname) ?? [];
    if (method === "DELETE" && customer !== undefined) return this.#deleteCustomer(customer);
    const [, session] = /^\/v1\/checkout\/sessions\/([^/]+)\/expire$/.exec(pathname) ?? [];
    if (method === "POST" && session !== undefined) return this.#expire(session);
    switch (`${method} ${pathname}`) {
      case "POST /v1/customers":
        return this.#createCustomer(form);
      case "POST /v1/checkout/sessions":
        return this.#createSession(form);
      case "GET /v1/checkout/sessions":
        return this.#withCustomer(searchParams, (customer) =>
          ok(this.#listSessions(customer, searchParams.get("status"))),
        );
      case "GET /v1/invoices":
        return ok(this.#listPaid(searchParams));
      case "POST /v1/billing_portal/sessions":
        return this.#withCustomer(form, () =>
          ok({ id: `bps_${randomUUID()}`, url: "https://billing.stripe.com/p/1" }),
        );
      case "POST /v1/refunds":
        return this.#refund(form);
      case "GET /v1/subscriptions":
        return this.#withCustomer(searchParams, (customer) => ok(this.#list(customer)));
      default:
        return refusal(404, "invalid_request_error", "Unrecognized request URL");
    }
  }

  /** @param {URLSearchParams} form */
  #createCustomer(form) {
    const id = `cus_${randomUUID()}`;
    this.customers.set(id, { id, tenant: form.get("metadata[tenant]") ?? "" });
    return ok({ id, object: "customer" });
  }

  /** Subscriptions end with their customer (https://docs.stripe.com/api/customers/delete). @param {string} id */
  #deleteCustomer(id) {
    if (!this.customers.delete(id)) {
      return refusal(404, "invalid_request_error", `No such customer: '${id}'`);
    }
    for (const each of this.subscriptions.values()) if (each.customer === id) each.status = "canceled";
    return ok({ id, object: "customer", deleted: true });
  }

  /** @param {URLSearchParams} form */
  #createSession(form) {
    const missing = ["mode", "success_url", "line_items[0][price]", "line_items[0][quantity]"].find(
      (name) => !form.get(name),
    );
    if (missing !== undefined)
      return refusal(400, "invalid_request_error", `Missing required param: ${missing}`);
    return this.#withCustomer(form, (customer) => {
      const price = form.get("line_items[0][price]") ?? "";
      const session = {
        id: `cs_${randomUUID()}`,
        customer,
        price,
        success_url: form.get("success_url") ?? "",
        status: "open",
        metadata: { price: form.get("metadata[price]") ?? "" },
      };
      this.sessions.push(session);
      return ok({
        ...session,
        object: "checkout.session",
        url: `https://checkout.stripe.com/c/${session.id}`,
      });
    });
  }

  /** Only an open session can expire (https://docs.stripe.com/api/checkout/sessions/expire). @param {string} id */
  #expire(id) {
    const session = this.sessions.find((each) => each.id === id);
    if (session === undefined) return refusal(404, "invalid_request_error", "No such checkout.session");
    if (session.status !== "open") {
      return refusal(400, "invalid_request_error", "Only Checkout Sessions with a status of open can expire");
    }
    session.status = "expired";
    return ok({ ...session, object: "checkout.session" });
  }

  /** @param {string} customer @param {string | null} status */
  #listSessions(customer, status) {
    const data = this.sessions.filter((each) => each.customer === customer && each.status === status);
    return { object: "list", url: "/v1/checkout/sessions", has_more: false, data };
  }

  /** Only the newest paid invoice of a subscription is kept. @param {URLSearchParams} query */
  #listPaid(query) {
    const end = this.paidThrough.get(query.get("subscription") ?? "");
    const invoice = { id: `in_${query.get("subscription")}`, object: "invoice", status: "paid" };
    const lines = { object: "list", data: [{ object: "line_item", period: { end } }] };
    const data = query.get("status") !== "paid" || end === undefined ? [] : [{ ...invoice, lines }];
    return { object: "list", url: "/v1/invoices", has_more: false, data };
  }

  /** @param {URLSearchParams} form */
  #refund(form) {
    const payment = form.get("payment_intent");
    if (payment === null)
      return refusal(400, "invalid_request_error", "Missing required param: payment_intent");
    const refund = { id: `re_${randomUUID()}`, payment, amount: form.get("amount") ?? undefined };
    this.refunds.push(refund);
    return ok({ ...refund, object: "refund" });
  }

  /** @param {string} customer */
  #list(customer) {
    const found = [...this.subscriptions.values()].filter(
      (each) => each.customer === customer && each.status !== "canceled",
    );
    return { object: "list", url: "/v1/subscriptions", has_more: false, data: found.map(described) };
  }

  /** @param {URLSearchParams} form @param {(customer: string) => { status: number, answer: unknown }} work */
  #withCustomer(form, work) {
    const customer = form.get("customer") ?? "";
    if (this.customers.has(customer)) return work(customer);
    return refusal(400, "invalid_request_error", `No such customer: '${customer}'`);
  }
}

/** @param {Subscription} subscription */
function described({ current_period_start, current_period_end, price, ...subscription }) {
  const item = {
    id: `si_${subscription.id}`,
    price: { id: price, object: "price" },
    current_period_start,
    current_period_end,
  };
  return { ...subscription, object: "subscription", items: { object: "list", data: [item] } };
}

/** @param {unknown} answer */
function ok(answer) {
  return { status: 200, answer };
}

/** @param {number} status @param {string} type @param {string} message */
function refusal(status, type, message) {
  return { status, answer: { error: { type, message } } };
}

/** What a call that fails is answered with. */
const failed = refusal(500, "api_error", "An unknown error occurred");
