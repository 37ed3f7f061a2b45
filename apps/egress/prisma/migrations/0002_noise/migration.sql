-- Name of the well-known update or telemetry call a denied request was.
ALTER TABLE decision ADD COLUMN noise text NOT NULL DEFAULT '';
