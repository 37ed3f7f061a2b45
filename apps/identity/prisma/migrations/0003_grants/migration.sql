-- Grants: what a person consented to for a schedule or subscription, and each use of it.

ALTER TABLE signing_key DROP CONSTRAINT signing_key_class_check;
ALTER TABLE signing_key ADD CONSTRAINT signing_key_class_check CHECK (class IN ('session', 'intent', 'dispatch', 'grant'));

ALTER TABLE epoch DROP CONSTRAINT epoch_kind_check;
ALTER TABLE epoch ADD CONSTRAINT epoch_kind_check CHECK (kind IN ('run', 'subject', 'org', 'key', 'kid', 'grant'));

-- The terms never change: other terms are another grant. Whether it expired is read from the clock, not stored.
CREATE TABLE trigger_grant (
  id text PRIMARY KEY,
  org text NOT NULL,
  environment text NOT NULL,
  subject text NOT NULL REFERENCES principal,
  key text NOT NULL REFERENCES api_key,
  trigger_kind text NOT NULL CHECK (trigger_kind IN ('schedule', 'subscription')),
  trigger_id text NOT NULL,
  trigger_name text NOT NULL,
  spec_hash text NOT NULL,
  scopes text[] NOT NULL,
  mounts jsonb NOT NULL,
  max_runs bigint NOT NULL CHECK (max_runs > 0),
  max_per_day bigint NOT NULL CHECK (max_per_day > 0),
  used_runs bigint NOT NULL DEFAULT 0 CHECK (used_runs <= max_runs),
  -- UTC day of the last use, and how many there were on it.
  day text NOT NULL DEFAULT '',
  used_on_day bigint NOT NULL DEFAULT 0 CHECK (used_on_day <= max_per_day),
  state text NOT NULL CHECK (state IN ('active', 'spent', 'revoked', 'replaced')),
  reason text NOT NULL DEFAULT '',
  changed_at timestamptz NOT NULL,
  token text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  FOREIGN KEY (org, environment) REFERENCES environment
);
CREATE UNIQUE INDEX trigger_grant_one_active ON trigger_grant (org, environment, trigger_kind, trigger_id) WHERE state = 'active';
CREATE INDEX trigger_grant_by_trigger ON trigger_grant (org, trigger_kind, trigger_id) WHERE state IN ('active', 'spent');
CREATE INDEX trigger_grant_by_environment ON trigger_grant (org, environment, id DESC);

-- One use starts one run, whoever asks how often.
CREATE TABLE grant_use (
  run text PRIMARY KEY,
  grant_id text NOT NULL REFERENCES trigger_grant,
  org text NOT NULL,
  used_at timestamptz NOT NULL
);
CREATE INDEX grant_use_by_grant ON grant_use (grant_id);

ALTER TABLE launch ADD COLUMN grant_id text REFERENCES trigger_grant;

GRANT SELECT, INSERT, UPDATE ON trigger_grant TO sally_identity;
GRANT SELECT, INSERT ON grant_use TO sally_identity;

DO $$
DECLARE each text;
BEGIN
  FOREACH each IN ARRAY ARRAY['trigger_grant', 'grant_use'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', each);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', each);
    EXECUTE format(
      'CREATE POLICY org ON %I USING (current_setting(''sally.org'', true) IN (org, ''*'')) WITH CHECK (current_setting(''sally.org'', true) IN (org, ''*''))',
      each);
  END LOOP;
END $$;
