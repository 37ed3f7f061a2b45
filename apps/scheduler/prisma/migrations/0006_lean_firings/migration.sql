-- Firings hold bytes only while they wait, and are forgotten in the end; a page of runs is read without their attachments.

-- The table's owner is held by its policy too.
SELECT set_config('sally.org', '*', true);
UPDATE firing SET attachments = NULL WHERE state <> 'queued' AND attachments IS NOT NULL;

CREATE INDEX firing_age ON firing (made_at) WHERE NOT open;
GRANT DELETE ON firing TO sally_scheduler;

-- The unit without its attachments, where it has any.
ALTER TABLE run ADD COLUMN outline bytea;
