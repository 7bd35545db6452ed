-- +goose Up

ALTER TABLE outhook_endpoints
	ADD COLUMN rate_per_second DOUBLE NOT NULL DEFAULT 0,
	ADD COLUMN rate_burst      BIGINT NOT NULL DEFAULT 0,
	ADD COLUMN failing_since   BIGINT,
	ADD COLUMN paused_until    BIGINT;

ALTER TABLE outhook_events ADD COLUMN hops BIGINT NOT NULL DEFAULT 0;

ALTER TABLE outhook_attempts ADD COLUMN conn_reused BOOLEAN NOT NULL DEFAULT false;

CREATE INDEX outhook_deliveries_endpoint_due ON outhook_deliveries (tenant, endpoint_id, state, next_attempt_at, id);

-- +goose Down

DROP INDEX outhook_deliveries_endpoint_due ON outhook_deliveries;
ALTER TABLE outhook_attempts DROP COLUMN conn_reused;
ALTER TABLE outhook_events DROP COLUMN hops;
ALTER TABLE outhook_endpoints
	DROP COLUMN paused_until,
	DROP COLUMN failing_since,
	DROP COLUMN rate_burst,
	DROP COLUMN rate_per_second;
