-- +goose Up

ALTER TABLE outhook_endpoints ADD COLUMN rate_per_second REAL NOT NULL DEFAULT 0;
ALTER TABLE outhook_endpoints ADD COLUMN rate_burst INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outhook_endpoints ADD COLUMN failing_since INTEGER;
ALTER TABLE outhook_endpoints ADD COLUMN paused_until INTEGER;

ALTER TABLE outhook_events ADD COLUMN hops INTEGER NOT NULL DEFAULT 0;

ALTER TABLE outhook_attempts ADD COLUMN conn_reused INTEGER NOT NULL DEFAULT 0;

-- Whoever asks with the words of this condition cannot be given
-- outhook_deliveries_due instead.
CREATE INDEX outhook_deliveries_endpoint_due ON outhook_deliveries (tenant, endpoint_id, next_attempt_at, id)
	WHERE state BETWEEN 'pending' AND 'pending';

-- +goose Down

DROP INDEX outhook_deliveries_endpoint_due;
ALTER TABLE outhook_attempts DROP COLUMN conn_reused;
ALTER TABLE outhook_events DROP COLUMN hops;
ALTER TABLE outhook_endpoints DROP COLUMN paused_until;
ALTER TABLE outhook_endpoints DROP COLUMN failing_since;
ALTER TABLE outhook_endpoints DROP COLUMN rate_burst;
ALTER TABLE outhook_endpoints DROP COLUMN rate_per_second;
