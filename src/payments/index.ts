export { PaymentError, type PaymentErrorCode } from "./payment-provider.js";
export type { Entitlement, Payments, RefusedCustomer, TenantCheckout } from "./payments.js";
export type { PlanPrices } from "./plans.js";
export { type AddedPayments, type AddPaymentsOptions, addPayments, getPayments } from "./plugin.js";
export { type PaymentOptions, type PaymentSettings, paymentVariables } from "./settings.js";
