-- Who: orgs, principals, keys, launches and what was attested for them.

CREATE TABLE org (
  org text PRIMARY KEY,
  created_at timestamptz NOT NULL
);

CREATE TABLE environment (
  org text NOT NULL REFERENCES org,
  name text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org, name)
);

CREATE TABLE principal (
  id text PRIMARY KEY,
  org text NOT NULL REFERENCES org,
  kind text NOT NULL CHECK (kind IN ('user', 'service')),
  name text NOT NULL,
  email text NOT NULL,
  disabled boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  UNIQUE (org, email)
);

-- Of a key only the SHA-256 is kept: 256 random bits need no slow hash.
CREATE TABLE api_key (
  id text PRIMARY KEY,
  org text NOT NULL,
  environment text NOT NULL,
  principal text NOT NULL REFERENCES principal,
  name text NOT NULL,
  scopes text[] NOT NULL,
  prefix text NOT NULL,
  hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  FOREIGN KEY (org, environment) REFERENCES environment
);
CREATE INDEX api_key_by_org ON api_key (org, created_at DESC);

-- The private half is sealed under the key encryption key, which is not in this database.
CREATE TABLE signing_key (
  kid text PRIMARY KEY,
  class text NOT NULL CHECK (class IN ('session', 'intent', 'dispatch')),
  public_jwk text NOT NULL,
  sealed bytea NOT NULL,
  created_at timestamptz NOT NULL,
  activates_at timestamptz NOT NULL,
  retires_at timestamptz
);

-- What was authorised, once per run; every attempt is held to it.
CREATE TABLE launch (
  run text PRIMARY KEY,
  org text NOT NULL,
  environment text NOT NULL,
  subject text NOT NULL REFERENCES principal,
  key text NOT NULL REFERENCES api_key,
  scopes text[] NOT NULL,
  unit_hash text NOT NULL,
  facts jsonb NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'ended')),
  created_at timestamptz NOT NULL,
  ended_at timestamptz
);

-- One intent token each. The highest epoch of a dispatch is the only one that counts.
CREATE TABLE attempt (
  dispatch text NOT NULL,
  epoch bigint NOT NULL,
  run text NOT NULL REFERENCES launch,
  org text NOT NULL,
  edge text NOT NULL,
  jti text NOT NULL UNIQUE,
  envelope_hash text NOT NULL,
  minted_at timestamptz NOT NULL,
  burned_at timestamptz,
  PRIMARY KEY (dispatch, epoch)
);
CREATE INDEX attempt_by_run ON attempt (run);

CREATE TABLE attestation (
  dispatch text NOT NULL,
  epoch bigint NOT NULL,
  org text NOT NULL,
  run text NOT NULL,
  jkt text NOT NULL,
  process text NOT NULL,
  evidence_hash text NOT NULL,
  evidence jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  renewed_at timestamptz,
  PRIMARY KEY (dispatch, epoch),
  FOREIGN KEY (dispatch, epoch) REFERENCES attempt,
  CONSTRAINT attestation_jkt UNIQUE (jkt),
  CONSTRAINT attestation_process UNIQUE (process)
);

-- Versions are given under an advisory lock held until commit, so that they become visible in their order.
CREATE SEQUENCE epoch_version;
CREATE TABLE epoch (
  kind text NOT NULL CHECK (kind IN ('run', 'subject', 'org', 'key', 'kid')),
  id text NOT NULL,
  org text NOT NULL,
  version bigint NOT NULL UNIQUE,
  issued_before timestamptz NOT NULL,
  PRIMARY KEY (kind, id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON org, environment, principal, api_key, signing_key, launch, attempt, attestation, epoch
  TO sally_identity;
GRANT USAGE ON SEQUENCE epoch_version TO sally_identity;

DO $$
DECLARE each text;
BEGIN
  FOREACH each IN ARRAY ARRAY['org', 'environment', 'principal', 'api_key', 'launch', 'attempt', 'attestation', 'epoch'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', each);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', each);
    EXECUTE format(
      'CREATE POLICY org ON %I USING (current_setting(''sally.org'', true) IN (org, ''*'')) WITH CHECK (current_setting(''sally.org'', true) IN (org, ''*''))',
      each);
  END LOOP;
END $$;
