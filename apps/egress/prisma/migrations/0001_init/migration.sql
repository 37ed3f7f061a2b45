-- What egress decided, one row per decision, for whoever asks about an id an agent saw. `at` is in milliseconds since the epoch. The
-- audit log is the record; rows older than the keeping time are deleted.

CREATE TABLE decision (
  id text PRIMARY KEY,
  org text NOT NULL,
  environment text NOT NULL,
  run text NOT NULL,
  dispatch text NOT NULL,
  allowed boolean NOT NULL,
  reason text NOT NULL,
  target text NOT NULL,
  method text NOT NULL,
  at bigint NOT NULL
);
CREATE INDEX decision_at ON decision (at);

GRANT SELECT, INSERT, DELETE ON decision TO sally_egress;
ALTER TABLE decision ENABLE ROW LEVEL SECURITY;
ALTER TABLE decision FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON decision
  USING (current_setting('sally.org', true) IN (org, '*'))
  WITH CHECK (current_setting('sally.org', true) IN (org, '*'));
