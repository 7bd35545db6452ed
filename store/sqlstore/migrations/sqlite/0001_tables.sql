-- +goose Up

-- Times are microseconds since 1970. Those that lists are ordered by are NOT
-- NULL; in every other column the zero time is NULL. Durations are nanoseconds.

CREATE TABLE outhook_endpoints (
	tenant             TEXT    NOT NULL,
	id                 TEXT    NOT NULL,
	url                TEXT    NOT NULL,
	description        TEXT    NOT NULL,
	event_types        TEXT    NOT NULL,
	profile            TEXT    NOT NULL,
	secrets            TEXT    NOT NULL,
	headers            TEXT    NOT NULL,
	timeout_ns         INTEGER NOT NULL,
	disabled           INTEGER NOT NULL,
	disabled_reason    TEXT    NOT NULL,
	disabled_at        INTEGER,
	created_at         INTEGER NOT NULL,
	updated_at         INTEGER,
	version            INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX outhook_endpoints_tenant ON outhook_endpoints (tenant, created_at, id);
CREATE INDEX outhook_endpoints_all ON outhook_endpoints (created_at, id, tenant);

CREATE TABLE outhook_events (
	tenant             TEXT    NOT NULL,
	id                 TEXT    NOT NULL,
	type               TEXT    NOT NULL,
	payload            BLOB    NOT NULL,
	content_type       TEXT    NOT NULL,
	created_at         INTEGER NOT NULL,
	-- The payload and the response bodies were purged.
	emptied            INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX outhook_events_purge ON outhook_events (created_at);
CREATE INDEX outhook_events_empty ON outhook_events (created_at) WHERE emptied = false;

CREATE TABLE outhook_deliveries (
	tenant             TEXT    NOT NULL,
	id                 TEXT    NOT NULL,
	event_id           TEXT    NOT NULL,
	endpoint_id        TEXT    NOT NULL,
	event_type         TEXT    NOT NULL,
	state              TEXT    NOT NULL,
	round              INTEGER NOT NULL,
	attempts           INTEGER NOT NULL,
	trigger_kind       TEXT    NOT NULL,
	next_attempt_at    INTEGER,
	last_status        INTEGER NOT NULL,
	last_error_class   TEXT    NOT NULL,
	last_error         TEXT    NOT NULL,
	created_at         INTEGER NOT NULL,
	updated_at         INTEGER,
	ended_at           INTEGER,
	version            INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX outhook_deliveries_due ON outhook_deliveries (next_attempt_at, id, tenant) WHERE state = 'pending';
CREATE INDEX outhook_deliveries_event ON outhook_deliveries (tenant, event_id, created_at, id);
CREATE INDEX outhook_deliveries_endpoint ON outhook_deliveries (tenant, endpoint_id, created_at, id);
CREATE INDEX outhook_deliveries_tenant ON outhook_deliveries (tenant, created_at, id);
CREATE INDEX outhook_deliveries_state ON outhook_deliveries (tenant, state, created_at, id);
CREATE INDEX outhook_deliveries_all ON outhook_deliveries (created_at, id, tenant);

-- The primary key is the index of a delivery's attempts, too.
CREATE TABLE outhook_attempts (
	tenant             TEXT    NOT NULL,
	id                 TEXT    NOT NULL,
	delivery_id        TEXT    NOT NULL,
	event_id           TEXT    NOT NULL,
	endpoint_id        TEXT    NOT NULL,
	event_type         TEXT    NOT NULL,
	round              INTEGER NOT NULL,
	number             INTEGER NOT NULL,
	trigger_kind       TEXT    NOT NULL,
	succeeded          INTEGER NOT NULL,
	scheduled_at       INTEGER,
	started_at         INTEGER NOT NULL,
	ended_at           INTEGER,
	next_attempt_at    INTEGER,
	url                TEXT    NOT NULL,
	request_header     TEXT    NOT NULL,
	status             INTEGER NOT NULL,
	response_header    TEXT    NOT NULL,
	response_body      BLOB    NOT NULL,
	response_truncated INTEGER NOT NULL,
	error_class        TEXT    NOT NULL,
	error              TEXT    NOT NULL,
	remote_addr        TEXT    NOT NULL,
	dns_ns             INTEGER NOT NULL,
	connect_ns         INTEGER NOT NULL,
	tls_ns             INTEGER NOT NULL,
	first_byte_ns      INTEGER NOT NULL,
	PRIMARY KEY (tenant, delivery_id, started_at, id)
) STRICT;
CREATE INDEX outhook_attempts_event ON outhook_attempts (tenant, event_id, started_at, id);
CREATE INDEX outhook_attempts_endpoint ON outhook_attempts (tenant, endpoint_id, started_at, id);
CREATE INDEX outhook_attempts_tenant ON outhook_attempts (tenant, started_at, id);
CREATE INDEX outhook_attempts_all ON outhook_attempts (started_at, id, tenant);

-- +goose Down

DROP TABLE outhook_attempts;
DROP TABLE outhook_deliveries;
DROP TABLE outhook_events;
DROP TABLE outhook_endpoints;
