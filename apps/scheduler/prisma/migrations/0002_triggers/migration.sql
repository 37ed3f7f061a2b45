-- What fires runs, and what came of every time and event. Times are milliseconds since the epoch.

CREATE TABLE trigger (
  id text PRIMARY KEY,
  org text NOT NULL,
  environment text NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  version bigint NOT NULL,
  -- The schedule or subscription as it was applied, a message of the contract.
  spec bytea NOT NULL,
  spec_hash text NOT NULL,
  template bytea NOT NULL,
  overlap text NOT NULL,
  paused boolean NOT NULL,
  grant_id text NOT NULL,
  -- The spec that the grant was given for, and on whose behalf.
  grant_hash text NOT NULL,
  subject text NOT NULL,
  -- Why identity refused the grant the last time it was used; empty when it did not.
  grant_trouble text NOT NULL,
  created_at bigint NOT NULL,
  created_by text NOT NULL,
  deleted_at bigint,
  -- Every fire time up to here is decided.
  cursor_at bigint NOT NULL,
  next_at bigint
);
CREATE UNIQUE INDEX trigger_name ON trigger (org, environment, kind, name) WHERE deleted_at IS NULL;
CREATE INDEX trigger_next ON trigger (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE firing (
  id text PRIMARY KEY,
  org text NOT NULL,
  environment text NOT NULL,
  trigger_id text NOT NULL REFERENCES trigger (id),
  -- What makes it this firing and no other: the tick, the event, or the key of whoever fired it by hand.
  key text NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  due_at bigint NOT NULL,
  made_at bigint NOT NULL,
  decided_at bigint,
  event text NOT NULL,
  -- The run it starts; given before identity is asked, so that asking again is asking for the same.
  run text NOT NULL,
  unit bytea,
  spec_hash text NOT NULL,
  attachments bytea,
  -- False once nothing of it can overlap with another firing of the trigger.
  open boolean NOT NULL,
  lease_until bigint NOT NULL,
  tries integer NOT NULL,
  UNIQUE (trigger_id, key)
);
CREATE INDEX firing_newest ON firing (trigger_id, due_at DESC, id DESC);
CREATE INDEX firing_open ON firing (trigger_id) WHERE open;
CREATE INDEX firing_deciding ON firing (lease_until) WHERE state = 'deciding';
CREATE INDEX firing_queued ON firing (id) WHERE state = 'queued';
CREATE INDEX firing_event ON firing (event) WHERE event <> '';

GRANT SELECT, INSERT, UPDATE ON trigger, firing TO sally_scheduler;

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['trigger', 'firing'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format(
      'CREATE POLICY org ON %I USING (current_setting(''sally.org'', true) IN (org, ''*'')) WITH CHECK (current_setting(''sally.org'', true) IN (org, ''*''))',
      t
    );
  END LOOP;
END
$$;
