-- +goose Up

-- What the attempts of an endpoint that started in one hour add up to. They are kept
-- when the attempts are purged. The durations are a histogram, for the package alone
-- to read.
CREATE TABLE outhook_stats (
	tenant      TEXT    NOT NULL,
	endpoint_id TEXT    NOT NULL,
	hour        INTEGER NOT NULL,
	succeeded   INTEGER NOT NULL,
	failed      INTEGER NOT NULL,
	durations   TEXT    NOT NULL,
	PRIMARY KEY (tenant, endpoint_id, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX outhook_stats_hour ON outhook_stats (hour);

-- The only row says which attempts are in outhook_stats: those that started from
-- summed_from on and before summed_until. It begins with the first day of the year 1.
CREATE TABLE outhook_stats_mark (
	id           INTEGER PRIMARY KEY,
	summed_from  INTEGER NOT NULL,
	summed_until INTEGER NOT NULL
) STRICT;
INSERT INTO outhook_stats_mark (id, summed_from, summed_until) VALUES (1, -62135596800000000, -62135596800000000);

-- +goose Down

DROP TABLE outhook_stats_mark;
DROP TABLE outhook_stats;
