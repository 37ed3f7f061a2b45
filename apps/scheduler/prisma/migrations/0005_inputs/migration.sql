-- Inputs: what is said to a run that is under way. A row is the promise; the bus only carries it.

CREATE TABLE run_input (
  run text NOT NULL REFERENCES run (id),
  id text NOT NULL,
  org text NOT NULL,
  position bigint NOT NULL,
  -- `waiting` to be handed to the edge, `held` by the edge, `taken` by the agent, `ended`, or `lapsed` with its run.
  state text NOT NULL,
  reason text NOT NULL,
  since bigint NOT NULL,
  body bytea NOT NULL,
  due_at bigint NOT NULL,
  tries integer NOT NULL,
  PRIMARY KEY (run, id),
  UNIQUE (run, position)
);
CREATE INDEX run_input_due ON run_input (due_at) WHERE state = 'waiting';
CREATE INDEX run_input_open ON run_input (run, position) WHERE state IN ('waiting', 'held');

-- What a dispatch that stays works on, as its own output told it: display, never a decision.
ALTER TABLE dispatch
  ADD COLUMN input text,
  ADD COLUMN input_seq bigint NOT NULL DEFAULT 0,
  ADD COLUMN input_at bigint,
  ADD COLUMN waiting boolean NOT NULL DEFAULT false;

GRANT SELECT, INSERT, UPDATE ON run_input TO sally_scheduler;
ALTER TABLE run_input ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_input FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON run_input
  USING (current_setting('sally.org', true) IN (org, '*')) WITH CHECK (current_setting('sally.org', true) IN (org, '*'));
