-- +goose Up

ALTER TABLE outhook_endpoints
	ADD COLUMN rate_per_second double precision NOT NULL DEFAULT 0,
	ADD COLUMN rate_burst      bigint           NOT NULL DEFAULT 0,
	ADD COLUMN failing_since   timestamptz,
	ADD COLUMN paused_until    timestamptz;

ALTER TABLE outhook_events ADD COLUMN hops bigint NOT NULL DEFAULT 0;

ALTER TABLE outhook_attempts ADD COLUMN conn_reused boolean NOT NULL DEFAULT false;

-- +goose Down

ALTER TABLE outhook_attempts DROP COLUMN conn_reused;
ALTER TABLE outhook_events DROP COLUMN hops;
ALTER TABLE outhook_endpoints
	DROP COLUMN paused_until,
	DROP COLUMN failing_since,
	DROP COLUMN rate_burst,
	DROP COLUMN rate_per_second;
