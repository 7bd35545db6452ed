-- +goose Up

CREATE INDEX outhook_deliveries_event_type ON outhook_deliveries (tenant, event_type, created_at, id);

-- +goose Down

DROP INDEX outhook_deliveries_event_type ON outhook_deliveries;
