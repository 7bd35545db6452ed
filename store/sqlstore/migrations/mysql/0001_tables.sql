-- +goose Up

-- Ids, tenants and types are bytes: the collations that are everywhere take "a"
-- and "a " for the same. Times are microseconds since 1970. Those that lists are
-- ordered by are NOT NULL; in every other column the zero time is NULL.
-- Durations are nanoseconds.

CREATE TABLE outhook_endpoints (
	tenant          VARBINARY(256) NOT NULL,
	id              VARBINARY(256) NOT NULL,
	url             LONGTEXT       NOT NULL,
	description     LONGTEXT       NOT NULL,
	event_types     LONGTEXT       NOT NULL,
	profile         LONGTEXT       NOT NULL,
	secrets         LONGTEXT       NOT NULL,
	headers         LONGTEXT       NOT NULL,
	timeout_ns      BIGINT         NOT NULL,
	disabled        BOOLEAN        NOT NULL,
	disabled_reason LONGTEXT       NOT NULL,
	disabled_at     BIGINT,
	created_at      BIGINT         NOT NULL,
	updated_at      BIGINT,
	version         BIGINT         NOT NULL,
	PRIMARY KEY (tenant, id),
	INDEX outhook_endpoints_tenant (tenant, created_at, id),
	INDEX outhook_endpoints_all (created_at, id, tenant)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE outhook_events (
	tenant       VARBINARY(256) NOT NULL,
	id           VARBINARY(256) NOT NULL,
	type         VARBINARY(256) NOT NULL,
	payload      LONGBLOB       NOT NULL,
	content_type LONGTEXT       NOT NULL,
	created_at   BIGINT         NOT NULL,
	-- The payload and the response bodies were purged.
	emptied      BOOLEAN        NOT NULL DEFAULT false,
	PRIMARY KEY (tenant, id),
	INDEX outhook_events_purge (created_at),
	INDEX outhook_events_empty (emptied, created_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE outhook_deliveries (
	tenant           VARBINARY(256) NOT NULL,
	id               VARBINARY(256) NOT NULL,
	event_id         VARBINARY(256) NOT NULL,
	endpoint_id      VARBINARY(256) NOT NULL,
	event_type       VARBINARY(256) NOT NULL,
	state            VARCHAR(64)    NOT NULL,
	round            BIGINT         NOT NULL,
	attempts         BIGINT         NOT NULL,
	trigger_kind     VARCHAR(64)    NOT NULL,
	next_attempt_at  BIGINT,
	last_status      BIGINT         NOT NULL,
	last_error_class VARCHAR(64)    NOT NULL,
	last_error       LONGTEXT       NOT NULL,
	created_at       BIGINT         NOT NULL,
	updated_at       BIGINT,
	ended_at         BIGINT,
	version          BIGINT         NOT NULL,
	PRIMARY KEY (tenant, id),
	INDEX outhook_deliveries_due (state, next_attempt_at, id, tenant),
	INDEX outhook_deliveries_event (tenant, event_id, created_at, id),
	INDEX outhook_deliveries_endpoint (tenant, endpoint_id, created_at, id),
	INDEX outhook_deliveries_tenant (tenant, created_at, id),
	INDEX outhook_deliveries_state (tenant, state, created_at, id),
	INDEX outhook_deliveries_all (created_at, id, tenant)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The primary key is the index of a delivery's attempts, too.
CREATE TABLE outhook_attempts (
	tenant             VARBINARY(256) NOT NULL,
	id                 VARBINARY(256) NOT NULL,
	delivery_id        VARBINARY(256) NOT NULL,
	event_id           VARBINARY(256) NOT NULL,
	endpoint_id        VARBINARY(256) NOT NULL,
	event_type         VARBINARY(256) NOT NULL,
	round              BIGINT         NOT NULL,
	number             BIGINT         NOT NULL,
	trigger_kind       VARCHAR(64)    NOT NULL,
	succeeded          BOOLEAN        NOT NULL,
	scheduled_at       BIGINT,
	started_at         BIGINT         NOT NULL,
	ended_at           BIGINT,
	next_attempt_at    BIGINT,
	url                LONGTEXT       NOT NULL,
	request_header     LONGTEXT       NOT NULL,
	status             BIGINT         NOT NULL,
	response_header    LONGTEXT       NOT NULL,
	response_body      LONGBLOB       NOT NULL,
	response_truncated BOOLEAN        NOT NULL,
	error_class        VARCHAR(64)    NOT NULL,
	error              LONGTEXT       NOT NULL,
	remote_addr        VARCHAR(64)    NOT NULL,
	dns_ns             BIGINT         NOT NULL,
	connect_ns         BIGINT         NOT NULL,
	tls_ns             BIGINT         NOT NULL,
	first_byte_ns      BIGINT         NOT NULL,
	PRIMARY KEY (tenant, delivery_id, started_at, id),
	INDEX outhook_attempts_event (tenant, event_id, started_at, id),
	INDEX outhook_attempts_endpoint (tenant, endpoint_id, started_at, id),
	INDEX outhook_attempts_tenant (tenant, started_at, id),
	INDEX outhook_attempts_all (started_at, id, tenant)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down

DROP TABLE outhook_attempts;
DROP TABLE outhook_deliveries;
DROP TABLE outhook_events;
DROP TABLE outhook_endpoints;
