-- +goose Up

ALTER TABLE outhook_endpoints ADD COLUMN rate_per_second REAL NOT NULL DEFAULT 0;
ALTER TABLE outhook_endpoints ADD COLUMN rate_burst INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outhook_endpoints ADD COLUMN failing_since INTEGER;
ALTER TABLE outhook_endpoints ADD COLUMN paused_until INTEGER;

ALTER TABLE outhook_events ADD COLUMN hops INTEGER NOT NULL DEFAULT 0;

ALTER TABLE outhook_attempts ADD COLUMN conn_reused INTEGER NOT NULL DEFAULT 0;

-- +goose Down

ALTER TABLE outhook_attempts DROP COLUMN conn_reused;
ALTER TABLE outhook_events DROP COLUMN hops;
ALTER TABLE outhook_endpoints DROP COLUMN paused_until;
ALTER TABLE outhook_endpoints DROP COLUMN failing_since;
ALTER TABLE outhook_endpoints DROP COLUMN rate_burst;
ALTER TABLE outhook_endpoints DROP COLUMN rate_per_second;
