-- svc-infra:loses table documents
-- DROP TABLE "documents" CASCADE;

-- svc-infra:loses table svc_infra_auth_accounts
-- DROP TABLE "svc_infra_auth_accounts" CASCADE;

-- svc-infra:loses table svc_infra_auth_api_keys
-- DROP TABLE "svc_infra_auth_api_keys" CASCADE;

-- svc-infra:loses table svc_infra_auth_attempts
-- DROP TABLE "svc_infra_auth_attempts" CASCADE;

-- svc-infra:loses table svc_infra_auth_invitations
-- DROP TABLE "svc_infra_auth_invitations" CASCADE;

-- svc-infra:loses table svc_infra_auth_members
-- DROP TABLE "svc_infra_auth_members" CASCADE;

-- svc-infra:loses table svc_infra_auth_organizations
-- DROP TABLE "svc_infra_auth_organizations" CASCADE;

-- svc-infra:loses table svc_infra_auth_rate_limits
-- DROP TABLE "svc_infra_auth_rate_limits" CASCADE;

-- svc-infra:loses table svc_infra_auth_sessions
-- DROP TABLE "svc_infra_auth_sessions" CASCADE;

-- svc-infra:loses table svc_infra_auth_tokens
-- DROP TABLE "svc_infra_auth_tokens" CASCADE;

-- svc-infra:loses table svc_infra_auth_two_factors
-- DROP TABLE "svc_infra_auth_two_factors" CASCADE;

-- svc-infra:loses table svc_infra_auth_users
-- DROP TABLE "svc_infra_auth_users" CASCADE;

-- svc-infra:loses table svc_infra_auth_verifications
-- DROP TABLE "svc_infra_auth_verifications" CASCADE;

-- svc-infra:loses table svc_infra_outbox
-- DROP TABLE "svc_infra_outbox" CASCADE;

-- svc-infra:loses table svc_infra_webhook_attempts
-- DROP TABLE "svc_infra_webhook_attempts" CASCADE;

-- svc-infra:loses table svc_infra_webhook_deliveries
-- DROP TABLE "svc_infra_webhook_deliveries" CASCADE;

-- svc-infra:loses table svc_infra_webhook_subscriptions
-- DROP TABLE "svc_infra_webhook_subscriptions" CASCADE;

-- svc-infra:loses table svc_infra_entitlements
-- DROP TABLE "svc_infra_entitlements" CASCADE;

-- svc-infra:loses table svc_infra_payment_customers
-- DROP TABLE "svc_infra_payment_customers" CASCADE;

-- svc-infra:loses table svc_infra_payment_events
-- DROP TABLE "svc_infra_payment_events" CASCADE;
