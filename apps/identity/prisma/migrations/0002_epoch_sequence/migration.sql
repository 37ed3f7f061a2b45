-- Lets identity tell that a verifier has seen more versions than exist, as after a restore from a backup.
GRANT SELECT ON SEQUENCE epoch_version TO sally_identity;
