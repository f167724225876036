/** Makes the table of the outbox, which an application has by its migrations. */
export const outboxTable = `create table svc_infra_outbox (
  id uuid primary key, position bigserial not null, key text, job jsonb not null,
  created_at timestamptz not null default now(),
  failed_attempts integer not null default 0, retry_at timestamptz, error text
)`;
