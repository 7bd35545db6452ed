-- +goose Up

-- What the attempts of an endpoint that started in one hour add up to. They are kept
-- when the attempts are purged. The durations are a histogram, for the package alone
-- to read.
CREATE TABLE outhook_stats (
	tenant      text COLLATE "C" NOT NULL,
	endpoint_id text COLLATE "C" NOT NULL,
	hour        timestamptz      NOT NULL,
	succeeded   bigint           NOT NULL,
	failed      bigint           NOT NULL,
	durations   text             NOT NULL
);
CREATE INDEX outhook_stats_hour ON outhook_stats (hour);
ALTER TABLE outhook_stats ADD PRIMARY KEY (tenant, endpoint_id, hour);

-- The only row says which attempts are in outhook_stats: those that started from
-- summed_from on and before summed_until.
CREATE TABLE outhook_stats_mark (
	id           integer     PRIMARY KEY,
	summed_from  timestamptz NOT NULL,
	summed_until timestamptz NOT NULL
);
INSERT INTO outhook_stats_mark (id, summed_from, summed_until)
	VALUES (1, timestamptz '0001-01-01 00:00:00Z', timestamptz '0001-01-01 00:00:00Z');

-- +goose Down

DROP TABLE outhook_stats_mark;
DROP TABLE outhook_stats;
