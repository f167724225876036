// @ts-check
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { setTimeout } from "node:timers/promises";

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
 * @property {boolean} cancel_at_period_end - what the portal sets with classic billing.
 * @property {number | null} cancel_at - seconds since the epoch; what the portal sets with flexible billing.
 */

/** @typedef {{ id: string, customer: string, price: string, success_url: string, status: string, metadata: Record<string, string> }} Session */

/** @typedef {{ status: number, answer: unknown, headers?: Record<string, string> }} Made */

/**
 * What becomes of a call. `give` answers it; `slow` too, after a while on each way; `twice` has it come a second time.
 * `down` does nothing and cuts the connection; `lose` does the work first; `hang` does the work and never answers; `late`
 * never answers, and does the work when the client has left. `fail` answers 500, which is kept. `away` (503), `busy` (429)
 * and `deny` (401) are answered before the call begins, so they are not kept.
 *
 * @typedef {"give" | "slow" | "twice" | "down" | "lose" | "hang" | "late" | "fail" | "away" | "busy" | "deny"} Fate
 */

/** Seconds of a period. */
const periodSeconds = 30 * 86_400;

/**
 * Stands in for Stripe, which cannot be installed: the few resources that the kit uses, written from the documentation.
 * It checks key, version, form encoding, parameters and idempotency keys, refuses what Stripe refuses, and signs its events.
 * Money is only counted.
 */
export class StripeDouble {
  /** @type {Map<string, { id: string, tenant: string }>} */
  customers = new Map();
  /** @type {Map<string, Subscription>} */
  subscriptions = new Map();
  /** Checkout sessions that were made. @type {Session[]} */
  sessions = [];
  /** @type {{ id: string, payment: string, amount: number }[]} */
  refunds = [];
  /** Until when each subscription was ever paid for, in seconds since the epoch; its invoices tell it. @type {Map<string, number>} */
  paidThrough = new Map();
  /** Each idempotency key that came. @type {Set<string>} */
  keys = new Set();
  /** Money that customers paid. @type {{ payment: string, customer: string, amount: number, refunded: number }[]} */
  charges = [];
  /**
   * Decides what becomes of a call; see {@link Fate}.
   *
   * @type {(call: { method: string, path: string }) => Fate}
   */
  fate = () => "give";
  /** Awaited between the work of a call and its answer. @type {(call: { method: string, path: string }) => Promise<void>} */
  beforeAnswer = async () => {};
  /** What is kept of each key; no answer while the call runs. @type {Map<string, { request: string, made?: Made }>} */
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
  subscribe(customer, price, isSettled = true) {
    const id = `sub_${randomUUID()}`;
    const now = Math.floor(Date.now() / 1000);
    /** @type {Subscription} */
    const subscription = {
      id,
      customer,
      price,
      status: "incomplete",
      start_date: now,
      current_period_start: now,
      current_period_end: now + periodSeconds,
      cancel_at_period_end: false,
      cancel_at: null,
    };
    this.subscriptions.set(id, subscription);
    if (isSettled) this.settle(subscription);
    return subscription;
  }

  /** The first payment of a subscription is made. @param {Subscription} subscription */
  settle(subscription) {
    subscription.status = "active";
    this.#charge(subscription);
  }

  /** The present period is paid. @param {Subscription} subscription */
  #charge({ id, customer, current_period_end }) {
    this.paidThrough.set(id, current_period_end);
    this.charges.push({ payment: `pi_${randomUUID()}`, customer, amount: 1000, refunded: 0 });
  }

  /** A payment of a customer that can be given back. @param {string} customer */
  charge(customer, amount = 1000) {
    const charge = { payment: `pi_${randomUUID()}`, customer, amount, refunded: 0 };
    this.charges.push(charge);
    return charge.payment;
  }

  /** Stripe removes keys when they are a day old. */
  forgetKeys() {
    this.#answers.clear();
  }

  /** The customer pays a checkout, which is possible once, while it is open; or its bank asks for more first. @param {Session} session */
  pay(session, isSettled = true) {
    if (session.status !== "open" || !this.customers.has(session.customer)) return undefined;
    session.status = "complete";
    return this.subscribe(session.customer, session.price, isSettled);
  }

  /** The time goes on for one subscription, so that its period ended so long ago. @param {Subscription} subscription @param {number} secondsAgo */
  endPeriod(subscription, secondsAgo) {
    const now = Math.floor(Date.now() / 1000);
    const shift = now - secondsAgo - subscription.current_period_end;
    subscription.start_date += shift;
    subscription.current_period_start += shift;
    subscription.current_period_end += shift;
    if (subscription.cancel_at !== null) subscription.cancel_at += shift;
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
    if (isPaid) this.#charge(subscription);
  }

  /** An event about a subscription as it was, signed (https://docs.stripe.com/webhooks). @param {Subscription} subscription @param {string} type */
  event(subscription, type = "customer.subscription.updated") {
    return this.#event(type, described(subscription));
  }

  /** The event that a customer is gone. @param {string} id */
  deletedEvent(id) {
    return this.#event("customer.deleted", { id, object: "customer" });
  }

  /** @param {string} type @param {object} object */
  #event(type, object) {
    const id = `evt_${randomUUID()}`;
    const body = JSON.stringify({ id, object: "event", api_version: apiVersion, type, data: { object } });
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
    const call = { method: request.method ?? "", path: new URL(request.url ?? "", this.url).pathname };
    const fate = this.fate(call);
    if (fate === "down") {
      response.destroy();
      return;
    }
    if (fate === "late") {
      if (!response.destroyed) await once(response, "close");
      await aWhile();
    }
    const made = await this.#once(request, body, fate);
    if (fate === "twice") await this.#once(request, body, fate);
    await this.beforeAnswer(call);
    if (fate === "slow") await aWhile();
    if (fate === "lose") response.destroy();
    if (["lose", "late", "hang"].includes(fate)) return;
    response.writeHead(made.status, {
      "content-type": "application/json",
      "request-id": `req_${randomUUID()}`,
      ...made.headers,
    });
    response.end(JSON.stringify(made.answer));
  }

  /**
   * The same key with the same request gives the same answer, also one of status 500. What is refused before the call
   * begins is not kept: a wrong key of the account, limits, parameters that are invalid, a key whose first call still runs. Keys
   * mean nothing to GET and DELETE (https://docs.stripe.com/api/idempotent_requests, https://docs.stripe.com/error-low-level).
   *
   * @param {http.IncomingMessage} request @param {string} body @param {Fate} fate
   * @returns {Promise<Made>}
   */
  async #once(request, body, fate) {
    const unheard = notBegun.get(fate) ?? this.#refuse(request);
    if (unheard !== undefined) return unheard;
    const form = new URLSearchParams(body);
    const work = () => (fate === "fail" ? failed : this.#route(request, form));
    const refused = invalid(request, form);
    const key = request.headers["idempotency-key"];
    if (typeof key !== "string" || request.method !== "POST") return refused ?? work();
    this.keys.add(key);
    const about = `${request.url} ${body}`;
    const known = this.#answers.get(key);
    if (known !== undefined) return again(known, about);
    if (refused !== undefined) return refused;
    /** @type {{ request: string, made?: Made }} */
    const kept = { request: about };
    this.#answers.set(key, kept);
    if (fate === "slow") await aWhile();
    kept.made = work();
    return kept.made;
  }

  /** @param {http.IncomingMessage} request */
  #refuse({ method, headers }) {
    const { "idempotency-key": key = "" } = headers;
    if (headers.authorization !== `Bearer ${this.key}`) {
      return refusal(401, "invalid_request_error", "Invalid API Key provided");
    }
    if (headers["stripe-version"] !== apiVersion) {
      return refusal(400, "invalid_request_error", "Invalid Stripe API version");
    }
    if (method === "POST" && headers["content-type"] !== "application/x-www-form-urlencoded") {
      return refusal(400, "invalid_request_error", "Invalid content type");
    }
    if (key.length > 255) return refusal(400, "invalid_request_error", "Idempotency key is too long");
    return undefined;
  }

  /** @param {http.IncomingMessage} request @param {URLSearchParams} form @returns {Made} */
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
        return this.#withCustomer(searchParams, (customer) => ok(this.#listSessions(customer, searchParams)));
      case "GET /v1/invoices":
        return ok(this.#listPaid(searchParams));
      case "POST /v1/billing_portal/sessions":
        return this.#withCustomer(form, () =>
          ok({ id: `bps_${randomUUID()}`, url: "https://billing.stripe.com/p/1" }),
        );
      case "POST /v1/refunds":
        return this.#refund(form);
      case "GET /v1/subscriptions":
        return this.#withCustomer(searchParams, (customer) => ok(this.#list(customer, searchParams)));
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

  /** @param {string} customer @param {URLSearchParams} query */
  #listSessions(customer, query) {
    const status = query.get("status");
    const found = this.sessions.filter((each) => each.customer === customer && each.status === status);
    return page("/v1/checkout/sessions", found, query);
  }

  /**
   * Only the newest paid invoice of a subscription is kept. Beside its period it settles a change of the period before.
   *
   * @param {URLSearchParams} query
   */
  #listPaid(query) {
    const end = this.paidThrough.get(query.get("subscription") ?? "");
    if (query.get("status") !== "paid" || end === undefined) return page("/v1/invoices", [], query);
    const created = end - periodSeconds;
    const periods = [
      { start: created - 86_400, end: created },
      { start: created, end },
    ];
    const lines = { object: "list", data: periods.map((period) => ({ object: "line_item", period })) };
    const id = `in_${query.get("subscription")}`;
    return page("/v1/invoices", [{ id, object: "invoice", status: "paid", created, lines }], query);
  }

  /** @param {URLSearchParams} form */
  #refund(form) {
    const payment = form.get("payment_intent") ?? "";
    const charge = this.charges.find((each) => each.payment === payment);
    if (charge === undefined)
      return refusal(404, "invalid_request_error", `No such payment_intent: '${payment}'`);
    const left = charge.amount - charge.refunded;
    if (left === 0) return refusal(400, "invalid_request_error", "Charge has already been refunded");
    const amount = Number(form.get("amount") ?? left);
    if (amount > left)
      return refusal(400, "invalid_request_error", "Refund amount is greater than unrefunded amount");
    charge.refunded += amount;
    const refund = { id: `re_${randomUUID()}`, payment, amount };
    this.refunds.push(refund);
    return ok({ ...refund, object: "refund" });
  }

  /** @param {string} customer @param {URLSearchParams} query */
  #list(customer, query) {
    const found = [...this.subscriptions.values()].filter(
      (each) => each.customer === customer && each.status !== "canceled",
    );
    return page("/v1/subscriptions", found.map(described), query);
  }

  /** @param {URLSearchParams} form @param {(customer: string) => Made} work */
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

/** @param {unknown} answer @returns {Made} */
function ok(answer) {
  return { status: 200, answer };
}

/** @param {number} status @param {string} type @param {string} message @returns {Made} */
function refusal(status, type, message) {
  return { status, answer: { error: { type, message } } };
}

/** What a call that fails is answered with; that another try is of no use is told, too. */
const failed = {
  ...refusal(500, "api_error", "An unknown error occurred"),
  headers: { "stripe-should-retry": "false" },
};

/** Answers of fates that come before the call begins. @type {ReadonlyMap<Fate, Made>} */
const notBegun = new Map([
  ["away", refusal(503, "api_error", "Service unavailable")],
  ["busy", refusal(429, "rate_limit_error", "Too many requests")],
  ["deny", refusal(401, "invalid_request_error", "Invalid API Key provided")],
]);

/** @param {{ request: string, made?: Made }} known @param {string} about @returns {Made} */
function again({ request, made }, about) {
  if (request !== about) {
    const message = "Keys for idempotent requests can only be used with the same parameters";
    return refusal(400, "idempotency_error", message);
  }
  if (made === undefined) {
    return refusal(409, "idempotency_error", "There is currently another in-progress request using this key");
  }
  return { ...made, headers: { ...made.headers, "idempotent-replayed": "true" } };
}

const list = ["customer", "status", "limit", "starting_after"];

/** Parameters that each call must have, and that it may have besides. @type {Record<string, [string[], string[]]>} */
const parameters = {
  "POST /v1/customers": [[], ["email", "metadata[tenant]"]],
  "POST /v1/checkout/sessions": [
    ["mode", "success_url", "line_items[0][price]", "line_items[0][quantity]"],
    ["customer", "cancel_url", "metadata[price]"],
  ],
  "GET /v1/checkout/sessions": [[], list],
  "GET /v1/subscriptions": [[], list],
  "GET /v1/invoices": [[], [...list, "subscription"]],
  "POST /v1/billing_portal/sessions": [["customer"], ["return_url"]],
  "POST /v1/refunds": [["payment_intent"], ["amount"]],
};

/** What each parameter must look like, where that matters. @type {Record<string, RegExp>} */
const shapes = {
  success_url: /^https?:\/\/./,
  cancel_url: /^https?:\/\/./,
  return_url: /^https?:\/\/./,
  email: /^[^@\s]+@[^@\s]+$/,
  amount: /^[1-9]\d*$/,
  limit: /^([1-9]|[1-9]\d|100)$/,
  "line_items[0][quantity]": /^[1-9]\d*$/,
  "metadata[tenant]": /^.{0,500}$/s,
};

/** Refuses parameters that are missing, unknown or wrong. @param {http.IncomingMessage} request @param {URLSearchParams} form */
function invalid({ method, url = "" }, form) {
  const { pathname, searchParams } = new URL(url, "http://127.0.0.1");
  const [required, optional] = parameters[`${method} ${pathname}`] ?? [[], []];
  const given = method === "POST" ? form : searchParams;
  const missing = required.find((name) => !given.get(name));
  if (missing !== undefined)
    return refusal(400, "invalid_request_error", `Missing required param: ${missing}`);
  const unknown = [...given.keys()].find((name) => ![...required, ...optional].includes(name));
  if (unknown !== undefined)
    return refusal(400, "invalid_request_error", `Received unknown parameter: ${unknown}`);
  const wrong = [...given].find(([name, value]) => !(shapes[name] ?? /^/).test(value));
  return wrong && refusal(400, "invalid_request_error", `Invalid ${wrong[0]}: ${wrong[1]}`);
}

/** The newest come first, ten of them if nothing else is asked for. @template {{ id: string }} T @param {string} url @param {T[]} found @param {URLSearchParams} query */
function page(url, found, query) {
  const all = found.toReversed();
  const after = query.get("starting_after");
  const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const data = all.slice(from, from + Number(query.get("limit") ?? 10));
  return { object: "list", url, has_more: from + data.length < all.length, data };
}

/** Long enough for other calls to overtake. */
function aWhile() {
  return setTimeout(Math.random() * 50);
}
