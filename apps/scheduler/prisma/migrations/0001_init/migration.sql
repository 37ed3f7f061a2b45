-- Roles, runs and their attempts. Times are milliseconds since the epoch, given by the service's clock.
-- Messages that people or agents wrote are kept as Protobuf bytes: text columns cannot hold every string.

CREATE TABLE role (
  org text NOT NULL,
  environment text NOT NULL,
  name text NOT NULL,
  version bigint NOT NULL,
  body bytea NOT NULL,
  changed_at bigint NOT NULL,
  PRIMARY KEY (org, environment, name)
);

CREATE TABLE run (
  id text PRIMARY KEY,
  org text NOT NULL,
  environment text NOT NULL,
  subject text NOT NULL,
  role text NOT NULL,
  runner text NOT NULL,
  unit bytea NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  message text NOT NULL,
  since bigint NOT NULL,
  version bigint NOT NULL,
  seq bigint NOT NULL,
  created_at bigint NOT NULL,
  ended_at bigint,
  ending bytea
);
CREATE INDEX run_newest ON run (org, environment, id DESC);

CREATE TABLE task (
  id text PRIMARY KEY,
  org text NOT NULL,
  run text NOT NULL UNIQUE REFERENCES run (id),
  state text NOT NULL,
  reason text NOT NULL,
  since bigint NOT NULL
);

CREATE TABLE dispatch (
  id text PRIMARY KEY,
  org text NOT NULL,
  run text NOT NULL REFERENCES run (id),
  attempt integer NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  since bigint NOT NULL,
  version bigint NOT NULL,
  runner text NOT NULL,
  profile text NOT NULL,
  wish text NOT NULL,
  why text NOT NULL DEFAULT '',
  epoch bigint NOT NULL,
  edge text,
  offers integer NOT NULL,
  created_at bigint NOT NULL,
  due_at bigint NOT NULL,
  lease_until bigint NOT NULL,
  ends_by bigint NOT NULL,
  lifetime_ms bigint NOT NULL,
  troubled_since bigint,
  workload_seq bigint NOT NULL,
  output_offset bigint NOT NULL,
  UNIQUE (run, attempt)
);
CREATE INDEX dispatch_due ON dispatch (due_at) WHERE state <> 'ended';
CREATE INDEX dispatch_held ON dispatch (edge) WHERE state IN ('leased', 'started');

CREATE TABLE edge (
  id text PRIMARY KEY,
  state text NOT NULL,
  reason text NOT NULL,
  since bigint NOT NULL,
  version bigint NOT NULL,
  runners text[] NOT NULL,
  profiles text[] NOT NULL,
  capacity integer NOT NULL,
  seen_at bigint NOT NULL
);

CREATE TABLE idempotency (
  org text NOT NULL,
  principal text NOT NULL,
  key text NOT NULL,
  content text NOT NULL,
  run text NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (org, principal, key)
);
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

CREATE TABLE output_event (
  dispatch text NOT NULL REFERENCES dispatch (id),
  seq bigint NOT NULL,
  org text NOT NULL,
  run text NOT NULL,
  position bigint NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (dispatch, seq)
);
CREATE INDEX output_order ON output_event (run, position);

CREATE TABLE run_event (
  run text NOT NULL REFERENCES run (id),
  seq bigint NOT NULL,
  org text NOT NULL,
  id text NOT NULL,
  at bigint NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (run, seq)
);

CREATE TABLE afterwork (
  id text PRIMARY KEY,
  org text NOT NULL,
  run text NOT NULL,
  kind text NOT NULL,
  due_at bigint NOT NULL,
  tries integer NOT NULL
);
CREATE INDEX afterwork_due ON afterwork (due_at);

GRANT SELECT, INSERT, UPDATE ON role, run, task, dispatch, edge TO sally_scheduler;
GRANT SELECT, INSERT ON output_event, run_event TO sally_scheduler;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency, afterwork TO sally_scheduler;

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['role', 'run', 'task', 'dispatch', 'idempotency', 'output_event', 'run_event', 'afterwork'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format(
      'CREATE POLICY org ON %I USING (current_setting(''sally.org'', true) IN (org, ''*'')) WITH CHECK (current_setting(''sally.org'', true) IN (org, ''*''))',
      t
    );
  END LOOP;
END
$$;
