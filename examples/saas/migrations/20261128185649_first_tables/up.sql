CREATE TABLE "documents" (
	"tenant" text NOT NULL,
	"name" text NOT NULL,
	"etag" text NOT NULL,
	"size" integer NOT NULL,
	"has_preview" boolean NOT NULL,
	"ready_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "documents_tenant_name_pk" PRIMARY KEY("tenant","name")
);

CREATE TABLE "svc_infra_auth_accounts" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"account_id" text NOT NULL,
	"provider_id" text NOT NULL,
	"access_token" text,
	"refresh_token" text,
	"id_token" text,
	"access_token_expires_at" timestamp with time zone,
	"refresh_token_expires_at" timestamp with time zone,
	"scope" text,
	"password" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE "svc_infra_auth_api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"tenant" text,
	"name" text NOT NULL,
	"prefix" text NOT NULL,
	"hash" text NOT NULL,
	"scopes" text[] NOT NULL,
	"expires_at" timestamp with time zone,
	"last_used_at" timestamp with time zone,
	"replaced_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "svc_infra_auth_api_keys_hash_unique" UNIQUE("hash")
);

CREATE TABLE "svc_infra_auth_attempts" (
	"key" text PRIMARY KEY NOT NULL,
	"count" integer NOT NULL,
	"until" timestamp with time zone NOT NULL
);

CREATE TABLE "svc_infra_auth_invitations" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"email" text NOT NULL,
	"role" text,
	"status" text DEFAULT 'pending' NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"inviter_id" text NOT NULL
);

CREATE TABLE "svc_infra_auth_members" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"user_id" text NOT NULL,
	"role" text DEFAULT 'member' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE "svc_infra_auth_organizations" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"slug" text NOT NULL,
	"logo" text,
	"metadata" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "svc_infra_auth_organizations_slug_unique" UNIQUE("slug")
);

CREATE TABLE "svc_infra_auth_rate_limits" (
	"id" text PRIMARY KEY NOT NULL,
	"key" text NOT NULL,
	"count" integer NOT NULL,
	"last_request" bigint NOT NULL,
	CONSTRAINT "svc_infra_auth_rate_limits_key_unique" UNIQUE("key")
);

CREATE TABLE "svc_infra_auth_sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"token" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ip_address" text,
	"user_agent" text,
	"factor" integer DEFAULT 1 NOT NULL,
	"active_organization_id" text,
	CONSTRAINT "svc_infra_auth_sessions_token_unique" UNIQUE("token")
);

CREATE TABLE "svc_infra_auth_tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"family" text NOT NULL,
	"user_id" text NOT NULL,
	"tenant" text,
	"factor" integer NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"access_hash" text NOT NULL,
	"access_expires_at" timestamp with time zone NOT NULL,
	"refresh_hash" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"ip_address" text,
	"user_agent" text,
	"used_at" timestamp with time zone,
	CONSTRAINT "svc_infra_auth_tokens_access_hash_unique" UNIQUE("access_hash"),
	CONSTRAINT "svc_infra_auth_tokens_refresh_hash_unique" UNIQUE("refresh_hash")
);

CREATE TABLE "svc_infra_auth_two_factors" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"secret" text NOT NULL,
	"backup_codes" text NOT NULL,
	"verified" boolean DEFAULT true,
	"failed_verification_count" integer DEFAULT 0,
	"locked_until" timestamp with time zone
);

CREATE TABLE "svc_infra_auth_users" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"email" text NOT NULL,
	"email_verified" boolean DEFAULT false NOT NULL,
	"image" text,
	"two_factor_enabled" boolean DEFAULT false,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "svc_infra_auth_users_email_unique" UNIQUE("email")
);

CREATE TABLE "svc_infra_auth_verifications" (
	"id" text PRIMARY KEY NOT NULL,
	"identifier" text NOT NULL,
	"value" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE "svc_infra_outbox" (
	"id" uuid PRIMARY KEY NOT NULL,
	"position" bigserial NOT NULL,
	"key" text,
	"job" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"failed_attempts" integer DEFAULT 0 NOT NULL,
	"retry_at" timestamp with time zone,
	"error" text
);

CREATE TABLE "svc_infra_webhook_attempts" (
	"delivery" text NOT NULL,
	"number" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"status" integer,
	"milliseconds" integer NOT NULL,
	"detail" text NOT NULL,
	CONSTRAINT "svc_infra_webhook_attempts_delivery_number_pk" PRIMARY KEY("delivery","number")
);

CREATE TABLE "svc_infra_webhook_deliveries" (
	"id" text PRIMARY KEY NOT NULL,
	"subscription" text NOT NULL,
	"tenant" text NOT NULL,
	"event_id" text NOT NULL,
	"event_type" text NOT NULL,
	"body" text NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone DEFAULT now() NOT NULL,
	"generation" integer DEFAULT 0 NOT NULL,
	"claimed_until" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone
);

CREATE TABLE "svc_infra_webhook_subscriptions" (
	"id" text PRIMARY KEY NOT NULL,
	"tenant" text NOT NULL,
	"url" text NOT NULL,
	"events" text[] NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"is_paused" boolean DEFAULT false NOT NULL,
	"proved_at" timestamp with time zone,
	"disabled_at" timestamp with time zone,
	"disabled_reason" text,
	"failing_since" timestamp with time zone,
	"failed_at" timestamp with time zone,
	"resume_at" timestamp with time zone,
	"secret" text NOT NULL,
	"next_secret" text,
	"previous_secrets" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"tell_owner_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE "svc_infra_entitlements" (
	"tenant" text PRIMARY KEY NOT NULL,
	"subscriptions" jsonb NOT NULL,
	"revision" integer NOT NULL,
	"check_at" timestamp with time zone NOT NULL
);

CREATE TABLE "svc_infra_payment_customers" (
	"tenant" text PRIMARY KEY NOT NULL,
	"attempt" text NOT NULL,
	"email" text,
	"customer" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "svc_infra_payment_customers_customer_unique" UNIQUE("customer")
);

CREATE TABLE "svc_infra_payment_events" (
	"id" text PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"customer" text,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL,
	"handled_at" timestamp with time zone
);

CREATE INDEX "svc_infra_auth_accounts_user" ON "svc_infra_auth_accounts" USING btree ("user_id");

CREATE UNIQUE INDEX "svc_infra_auth_accounts_once" ON "svc_infra_auth_accounts" USING btree ("provider_id","account_id");

CREATE INDEX "svc_infra_auth_api_keys_user" ON "svc_infra_auth_api_keys" USING btree ("user_id");

CREATE INDEX "svc_infra_auth_invitations_organization" ON "svc_infra_auth_invitations" USING btree ("organization_id");

CREATE INDEX "svc_infra_auth_invitations_email" ON "svc_infra_auth_invitations" USING btree ("email");

CREATE UNIQUE INDEX "svc_infra_auth_members_once" ON "svc_infra_auth_members" USING btree ("organization_id","user_id");

CREATE INDEX "svc_infra_auth_members_user" ON "svc_infra_auth_members" USING btree ("user_id");

CREATE INDEX "svc_infra_auth_sessions_user" ON "svc_infra_auth_sessions" USING btree ("user_id");

CREATE INDEX "svc_infra_auth_tokens_family" ON "svc_infra_auth_tokens" USING btree ("family");

CREATE INDEX "svc_infra_auth_tokens_user" ON "svc_infra_auth_tokens" USING btree ("user_id");

CREATE INDEX "svc_infra_auth_two_factors_user" ON "svc_infra_auth_two_factors" USING btree ("user_id");

CREATE INDEX "svc_infra_auth_verifications_identifier" ON "svc_infra_auth_verifications" USING btree ("identifier");

CREATE INDEX "svc_infra_outbox_position" ON "svc_infra_outbox" USING btree ("position");

CREATE INDEX "svc_infra_outbox_held" ON "svc_infra_outbox" USING btree ("key") WHERE "retry_at" is not null;

CREATE UNIQUE INDEX "svc_infra_webhook_deliveries_once" ON "svc_infra_webhook_deliveries" USING btree ("subscription","event_id");

CREATE INDEX "svc_infra_webhook_deliveries_due" ON "svc_infra_webhook_deliveries" USING btree ("subscription","next_attempt_at") WHERE state = 'pending';

CREATE INDEX "svc_infra_webhook_deliveries_tenant" ON "svc_infra_webhook_deliveries" USING btree ("tenant","created_at");

CREATE INDEX "svc_infra_webhook_deliveries_finished" ON "svc_infra_webhook_deliveries" USING btree ("finished_at") WHERE finished_at is not null;

CREATE INDEX "svc_infra_webhook_subscriptions_tenant" ON "svc_infra_webhook_subscriptions" USING btree ("tenant");

CREATE INDEX "svc_infra_webhook_subscriptions_untold" ON "svc_infra_webhook_subscriptions" USING btree ("tell_owner_at") WHERE tell_owner_at is not null;

CREATE INDEX "svc_infra_entitlements_check" ON "svc_infra_entitlements" USING btree ("check_at");

CREATE INDEX "svc_infra_payment_events_received" ON "svc_infra_payment_events" USING btree ("received_at");

CREATE INDEX "svc_infra_payment_events_unhandled" ON "svc_infra_payment_events" USING btree ("customer") WHERE "svc_infra_payment_events"."handled_at" is null;

ALTER TABLE "svc_infra_auth_accounts" ADD CONSTRAINT "svc_infra_auth_accounts_user_id_svc_infra_auth_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."svc_infra_auth_users"("id") ON DELETE cascade ON UPDATE no action;

ALTER TABLE "svc_infra_auth_api_keys" ADD CONSTRAINT "svc_infra_auth_api_keys_user_id_svc_infra_auth_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."svc_infra_auth_users"("id") ON DELETE cascade ON UPDATE no action;

ALTER TABLE "svc_infra_auth_api_keys" ADD CONSTRAINT "svc_infra_auth_api_keys_tenant_svc_infra_auth_organizations_id_fk" FOREIGN KEY ("tenant") REFERENCES "public"."svc_infra_auth_organizations"("id") ON DELETE cascade ON UPDATE no action;

ALTER TABLE "svc_infra_auth_invitations" ADD CONSTRAINT "svc_infra_auth_invitations_organization_id_svc_infra_auth_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."svc_infra_auth_organizations"("id") ON DELETE cascade ON UPDATE no action;

ALTER TABLE "svc_infra_auth_invitations" ADD CONSTRAINT "svc_infra_auth_invitations_inviter_id_svc_infra_auth_users_id_fk" FOREIGN KEY ("inviter_id") REFERENCES "public"."svc_infra_auth_users"("id") ON DELETE cascade ON UPDATE no action;

ALTER TABLE "svc_infra_auth_members" ADD CONSTRAINT "svc_infra_auth_members_organization_id_svc_infra_auth_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."svc_infra_auth_organizations"("id") ON DELETE cascade ON UPDATE no action;

ALTER TABLE "svc_infra_auth_members" ADD CONSTRAINT "svc_infra_auth_members_user_id_svc_infra_auth_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."svc_infra_auth_users"("id") ON DELETE cascade ON UPDATE no action;

ALTER TABLE "svc_infra_auth_sessions" ADD CONSTRAINT "svc_infra_auth_sessions_user_id_svc_infra_auth_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."svc_infra_auth_users"("id") ON DELETE cascade ON UPDATE no action;

ALTER TABLE "svc_infra_auth_tokens" ADD CONSTRAINT "svc_infra_auth_tokens_user_id_svc_infra_auth_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."svc_infra_auth_users"("id") ON DELETE cascade ON UPDATE no action;

ALTER TABLE "svc_infra_auth_two_factors" ADD CONSTRAINT "svc_infra_auth_two_factors_user_id_svc_infra_auth_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."svc_infra_auth_users"("id") ON DELETE cascade ON UPDATE no action;

ALTER TABLE "svc_infra_webhook_attempts" ADD CONSTRAINT "svc_infra_webhook_attempts_delivery_svc_infra_webhook_deliveries_id_fk" FOREIGN KEY ("delivery") REFERENCES "public"."svc_infra_webhook_deliveries"("id") ON DELETE cascade ON UPDATE no action;

ALTER TABLE "svc_infra_webhook_deliveries" ADD CONSTRAINT "svc_infra_webhook_deliveries_subscription_svc_infra_webhook_subscriptions_id_fk" FOREIGN KEY ("subscription") REFERENCES "public"."svc_infra_webhook_subscriptions"("id") ON DELETE cascade ON UPDATE no action;
