-- Workspaces, their packs and who holds them. The objects themselves are in the bucket.

CREATE TABLE workspace (
  org text NOT NULL,
  name text NOT NULL,
  state text NOT NULL CHECK (state IN ('provisioning', 'idle', 'busy', 'stopping', 'stopped', 'failed')),
  reason text NOT NULL,
  since timestamptz NOT NULL,
  branch text NOT NULL,
  head text NOT NULL CHECK (head ~ '^[0-9a-f]{40}$'),
  version bigint NOT NULL DEFAULT 1,
  -- Data key under the root key; the plain key is in no row.
  wrapped_key bytea NOT NULL,
  PRIMARY KEY (org, name)
);

CREATE TABLE pack (
  org text NOT NULL,
  workspace text NOT NULL,
  -- SHA-1 trailer of the pack.
  id text NOT NULL CHECK (id ~ '^[0-9a-f]{40}$'),
  size bigint NOT NULL,
  -- Key in the bucket.
  object text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org, workspace, id),
  FOREIGN KEY (org, workspace) REFERENCES workspace (org, name)
);

CREATE TABLE mount_lease (
  id text PRIMARY KEY,
  org text NOT NULL,
  workspace text NOT NULL,
  run text NOT NULL,
  dispatch text NOT NULL,
  epoch bigint NOT NULL,
  -- Head when the lease was taken.
  base text NOT NULL,
  -- Last commit and tree made under it, and how many files that changed.
  committed text NOT NULL DEFAULT '',
  tree text NOT NULL DEFAULT '',
  files integer NOT NULL DEFAULT 0,
  taken_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_by text CHECK (ended_by IN ('release', 'run_end', 'takeover', 'expiry')),
  CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
  FOREIGN KEY (org, workspace) REFERENCES workspace (org, name)
);

-- One rw holder per workspace, whatever the code above believes.
CREATE UNIQUE INDEX mount_lease_holder ON mount_lease (org, workspace) WHERE ended_at IS NULL;
CREATE INDEX mount_lease_run ON mount_lease (org, run) WHERE ended_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON workspace TO sally_workspace;
GRANT SELECT, INSERT, DELETE ON pack TO sally_workspace;
GRANT SELECT, INSERT, UPDATE ON mount_lease TO sally_workspace;

ALTER TABLE workspace ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspace FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON workspace USING (current_setting('sally.org', true) IN (org, '*')) WITH CHECK (current_setting('sally.org', true) IN (org, '*'));
ALTER TABLE pack ENABLE ROW LEVEL SECURITY;
ALTER TABLE pack FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON pack USING (current_setting('sally.org', true) IN (org, '*')) WITH CHECK (current_setting('sally.org', true) IN (org, '*'));
ALTER TABLE mount_lease ENABLE ROW LEVEL SECURITY;
ALTER TABLE mount_lease FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON mount_lease USING (current_setting('sally.org', true) IN (org, '*')) WITH CHECK (current_setting('sally.org', true) IN (org, '*'));
