-- Events that were taken in, and the webhooks that take some of them. Times are milliseconds since the epoch.

CREATE TABLE event (
  id text PRIMARY KEY,
  org text NOT NULL,
  environment text NOT NULL,
  -- SHA-256 over source and id as the sender names them: once in a week per environment.
  print text NOT NULL,
  type text NOT NULL,
  -- Attributes, a message of the contract without its data.
  body bytea NOT NULL,
  data bytea NOT NULL,
  received_at bigint NOT NULL,
  -- When it was known who wants it; until then somebody has to find out, at the latest when it is due.
  matched_at bigint,
  due_at bigint NOT NULL,
  tries integer NOT NULL,
  UNIQUE (org, environment, print)
);
CREATE INDEX event_newest ON event (org, environment, id DESC);
CREATE INDEX event_type ON event (org, environment, type, id DESC);
CREATE INDEX event_due ON event (due_at) WHERE matched_at IS NULL;
CREATE INDEX event_waiting ON event (org, environment) WHERE matched_at IS NULL;
CREATE INDEX event_age ON event (received_at);

CREATE TABLE webhook (
  id text PRIMARY KEY,
  org text NOT NULL,
  environment text NOT NULL,
  name text NOT NULL,
  version bigint NOT NULL,
  source text NOT NULL,
  type text NOT NULL,
  -- Secrets, sealed under the scheduler's root key and bound to this row.
  secret bytea NOT NULL,
  previous bytea,
  previous_until bigint,
  created_at bigint NOT NULL,
  UNIQUE (org, environment, name)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON event, webhook TO sally_scheduler;

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['event', 'webhook'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format(
      'CREATE POLICY org ON %I USING (current_setting(''sally.org'', true) IN (org, ''*'')) WITH CHECK (current_setting(''sally.org'', true) IN (org, ''*''))',
      t
    );
  END LOOP;
END
$$;
