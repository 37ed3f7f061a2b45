-- One append-only log per org. The service's role may read and insert; triggers stop everyone else, the owner included, unless they
-- are taken away first.

CREATE TABLE log (
  org text PRIMARY KEY,
  vkey text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE event (
  org text NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 0),
  id text NOT NULL,
  environment text NOT NULL,
  kind text NOT NULL,
  run text NOT NULL,
  leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
  canonical text NOT NULL,
  PRIMARY KEY (org, seq),
  CONSTRAINT event_id UNIQUE (org, id)
);
CREATE INDEX event_run ON event (org, run, seq) WHERE run <> '';

CREATE TABLE checkpoint (
  org text NOT NULL,
  size bigint NOT NULL CHECK (size >= 0),
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  frontier bytea NOT NULL,
  note text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org, size)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['log', 'event', 'checkpoint'] LOOP
    EXECUTE format(
      'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO sally_audit', name);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY org ON %I USING (current_setting(''sally.org'', true) IN (org, ''*'')) '
      'WITH CHECK (current_setting(''sally.org'', true) IN (org, ''*''))', name);
  END LOOP;
END
$$;
