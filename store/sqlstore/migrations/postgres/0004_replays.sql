-- +goose Up

CREATE TABLE outhook_replays (
	tenant           text COLLATE "C" NOT NULL,
	id               text COLLATE "C" NOT NULL,
	endpoint_id      text COLLATE "C" NOT NULL,
	event_type       text             NOT NULL,
	states           jsonb            NOT NULL,
	since_at         timestamptz,
	until_at         timestamptz,
	state            text             NOT NULL,
	total            bigint           NOT NULL,
	replayed         bigint           NOT NULL,
	skipped          bigint           NOT NULL,
	list_cursor      text             NOT NULL,
	created_at       timestamptz      NOT NULL,
	updated_at       timestamptz,
	ended_at         timestamptz,
	version          bigint           NOT NULL
);
CREATE INDEX outhook_replays_running ON outhook_replays (created_at, id, tenant) WHERE state = 'running';
CREATE INDEX outhook_replays_tenant ON outhook_replays (tenant, created_at, id);
CREATE INDEX outhook_replays_all ON outhook_replays (created_at, id, tenant);
ALTER TABLE outhook_replays ADD PRIMARY KEY (tenant, id);

-- +goose Down

DROP TABLE outhook_replays;
