export { PaymentError, type PaymentErrorCode } from "./payment-provider.js";
export type { Entitlement, Payments, TenantCheckout } from "./payments.js";
export { type AddedPayments, type AddPaymentsOptions, addPayments, getPayments } from "./plugin.js";
export { type PaymentOptions, type PaymentSettings, paymentVariables } from "./settings.js";
