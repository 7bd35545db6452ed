-- +goose Up

-- Newer than the primary key, but no rival to it (see 0001): the condition holds for
-- every row, and only who asks for a type is known to fulfil it.
CREATE INDEX outhook_deliveries_event_type ON outhook_deliveries (tenant, event_type, created_at, id)
	WHERE event_type IS NOT NULL;

-- +goose Down

DROP INDEX outhook_deliveries_event_type;
