-- +goose Up

CREATE TABLE outhook_replays (
	tenant      VARBINARY(256) NOT NULL,
	id          VARBINARY(256) NOT NULL,
	endpoint_id VARBINARY(256) NOT NULL,
	event_type  VARBINARY(256) NOT NULL,
	states      LONGTEXT       NOT NULL,
	since_at    BIGINT,
	until_at    BIGINT,
	state       VARCHAR(64)    NOT NULL,
	total       BIGINT         NOT NULL,
	replayed    BIGINT         NOT NULL,
	skipped     BIGINT         NOT NULL,
	list_cursor LONGTEXT       NOT NULL,
	created_at  BIGINT         NOT NULL,
	updated_at  BIGINT,
	ended_at    BIGINT,
	version     BIGINT         NOT NULL,
	PRIMARY KEY (tenant, id),
	INDEX outhook_replays_running (state, created_at, id, tenant),
	INDEX outhook_replays_tenant (tenant, created_at, id),
	INDEX outhook_replays_all (created_at, id, tenant)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down

DROP TABLE outhook_replays;
