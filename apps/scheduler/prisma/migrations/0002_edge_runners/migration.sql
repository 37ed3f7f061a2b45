-- What an edge found of each runner when it looked: `schedule.v1.RunnerDescription` in canonical JSON.
ALTER TABLE edge ADD COLUMN descriptions jsonb NOT NULL DEFAULT '[]';
