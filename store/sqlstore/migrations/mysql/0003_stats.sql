-- +goose Up

-- What the attempts of an endpoint that started in one hour add up to. They are kept
-- when the attempts are purged. The durations are a histogram, for the package alone
-- to read.
CREATE TABLE outhook_stats (
	tenant      VARBINARY(256) NOT NULL,
	endpoint_id VARBINARY(256) NOT NULL,
	hour        BIGINT         NOT NULL,
	succeeded   BIGINT         NOT NULL,
	failed      BIGINT         NOT NULL,
	durations   TEXT           NOT NULL,
	PRIMARY KEY (tenant, endpoint_id, hour),
	INDEX outhook_stats_hour (hour)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The only row says which attempts are in outhook_stats: those that started from
-- summed_from on and before summed_until. It begins with the first day of the year 1.
CREATE TABLE outhook_stats_mark (
	id           BIGINT NOT NULL PRIMARY KEY,
	summed_from  BIGINT NOT NULL,
	summed_until BIGINT NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- IGNORE: this one may have been run already, by a process that ended right after it.
INSERT IGNORE INTO outhook_stats_mark (id, summed_from, summed_until) VALUES (1, -62135596800000000, -62135596800000000);

-- +goose Down

DROP TABLE outhook_stats_mark;
DROP TABLE outhook_stats;
