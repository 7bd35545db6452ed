-- +goose Up

-- Ids and tenants are compared and ordered byte for byte: COLLATE "C".
-- The times that lists are ordered by are NOT NULL; in every other column the
-- zero time is NULL. Durations are nanoseconds.
--
-- Primary keys come after the other indexes: of those that seem equally good to
-- PostgreSQL, as all do while a table is empty, it takes the newest, and a plan
-- may be kept until the table is large.

CREATE TABLE outhook_endpoints (
	tenant          text COLLATE "C" NOT NULL,
	id              text COLLATE "C" NOT NULL,
	url             text             NOT NULL,
	description     text             NOT NULL,
	event_types     jsonb            NOT NULL,
	profile         text             NOT NULL,
	secrets         jsonb            NOT NULL,
	headers         jsonb            NOT NULL,
	timeout_ns      bigint           NOT NULL,
	disabled        boolean          NOT NULL,
	disabled_reason text             NOT NULL,
	disabled_at     timestamptz,
	created_at      timestamptz      NOT NULL,
	updated_at      timestamptz,
	version         bigint           NOT NULL
);
CREATE INDEX outhook_endpoints_tenant ON outhook_endpoints (tenant, created_at, id);
CREATE INDEX outhook_endpoints_all ON outhook_endpoints (created_at, id, tenant);
ALTER TABLE outhook_endpoints ADD PRIMARY KEY (tenant, id);

CREATE TABLE outhook_events (
	tenant       text COLLATE "C" NOT NULL,
	id           text COLLATE "C" NOT NULL,
	type         text             NOT NULL,
	payload      bytea            NOT NULL,
	content_type text             NOT NULL,
	created_at   timestamptz      NOT NULL,
	-- The payload and the response bodies were purged.
	emptied      boolean          NOT NULL DEFAULT false
);
CREATE INDEX outhook_events_purge ON outhook_events (created_at);
CREATE INDEX outhook_events_empty ON outhook_events (created_at) WHERE NOT emptied;
ALTER TABLE outhook_events ADD PRIMARY KEY (tenant, id);

CREATE TABLE outhook_deliveries (
	tenant           text COLLATE "C" NOT NULL,
	id               text COLLATE "C" NOT NULL,
	event_id         text COLLATE "C" NOT NULL,
	endpoint_id      text COLLATE "C" NOT NULL,
	event_type       text             NOT NULL,
	state            text             NOT NULL,
	round            bigint           NOT NULL,
	attempts         bigint           NOT NULL,
	trigger_kind     text             NOT NULL,
	next_attempt_at  timestamptz,
	last_status      bigint           NOT NULL,
	last_error_class text             NOT NULL,
	last_error       text             NOT NULL,
	created_at       timestamptz      NOT NULL,
	updated_at       timestamptz,
	ended_at         timestamptz,
	version          bigint           NOT NULL
);
CREATE INDEX outhook_deliveries_due ON outhook_deliveries (next_attempt_at, id, tenant) WHERE state = 'pending';
CREATE INDEX outhook_deliveries_event ON outhook_deliveries (tenant, event_id, created_at, id);
CREATE INDEX outhook_deliveries_endpoint ON outhook_deliveries (tenant, endpoint_id, created_at, id);
CREATE INDEX outhook_deliveries_tenant ON outhook_deliveries (tenant, created_at, id);
CREATE INDEX outhook_deliveries_state ON outhook_deliveries (tenant, state, created_at, id);
CREATE INDEX outhook_deliveries_all ON outhook_deliveries (created_at, id, tenant);
ALTER TABLE outhook_deliveries ADD PRIMARY KEY (tenant, id);

-- The primary key is the index of a delivery's attempts, too.
CREATE TABLE outhook_attempts (
	tenant             text COLLATE "C" NOT NULL,
	id                 text COLLATE "C" NOT NULL,
	delivery_id        text COLLATE "C" NOT NULL,
	event_id           text COLLATE "C" NOT NULL,
	endpoint_id        text COLLATE "C" NOT NULL,
	event_type         text             NOT NULL,
	round              bigint           NOT NULL,
	number             bigint           NOT NULL,
	trigger_kind       text             NOT NULL,
	succeeded          boolean          NOT NULL,
	scheduled_at       timestamptz,
	started_at         timestamptz      NOT NULL,
	ended_at           timestamptz,
	next_attempt_at    timestamptz,
	url                text             NOT NULL,
	request_header     jsonb            NOT NULL,
	status             bigint           NOT NULL,
	response_header    jsonb            NOT NULL,
	response_body      bytea            NOT NULL,
	response_truncated boolean          NOT NULL,
	error_class        text             NOT NULL,
	error              text             NOT NULL,
	remote_addr        text             NOT NULL,
	dns_ns             bigint           NOT NULL,
	connect_ns         bigint           NOT NULL,
	tls_ns             bigint           NOT NULL,
	first_byte_ns      bigint           NOT NULL
);
CREATE INDEX outhook_attempts_event ON outhook_attempts (tenant, event_id, started_at, id);
CREATE INDEX outhook_attempts_endpoint ON outhook_attempts (tenant, endpoint_id, started_at, id);
CREATE INDEX outhook_attempts_tenant ON outhook_attempts (tenant, started_at, id);
CREATE INDEX outhook_attempts_all ON outhook_attempts (started_at, id, tenant);
ALTER TABLE outhook_attempts ADD PRIMARY KEY (tenant, delivery_id, started_at, id);

-- +goose Down

DROP TABLE outhook_attempts;
DROP TABLE outhook_deliveries;
DROP TABLE outhook_events;
DROP TABLE outhook_endpoints;
