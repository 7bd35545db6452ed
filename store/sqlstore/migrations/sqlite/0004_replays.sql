-- +goose Up

CREATE TABLE outhook_replays (
	tenant             TEXT    NOT NULL,
	id                 TEXT    NOT NULL,
	endpoint_id        TEXT    NOT NULL,
	event_type         TEXT    NOT NULL,
	states             TEXT    NOT NULL,
	since_at           INTEGER,
	until_at           INTEGER,
	state              TEXT    NOT NULL,
	total              INTEGER NOT NULL,
	replayed           INTEGER NOT NULL,
	skipped            INTEGER NOT NULL,
	list_cursor        TEXT    NOT NULL,
	created_at         INTEGER NOT NULL,
	updated_at         INTEGER,
	ended_at           INTEGER,
	version            INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX outhook_replays_running ON outhook_replays (created_at, id, tenant) WHERE state = 'running';
CREATE INDEX outhook_replays_tenant ON outhook_replays (tenant, created_at, id);
CREATE INDEX outhook_replays_all ON outhook_replays (created_at, id, tenant);

-- +goose Down

DROP TABLE outhook_replays;
