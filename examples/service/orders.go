package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/outhook/outhook/examples/internal/jsonschema"
	"github.com/outhook/outhook/sender"
)

// orderEvent is what the product's own events look like: the payload structure
// that Standard Webhooks recommends.
type orderEvent struct {
	Type      string    `json:"type" schema:"const"`
	Timestamp time.Time `json:"timestamp" doc:"When it happened."`
	Data      orderData `json:"data"`
}

// orderData is the part that depends on the type.
type orderData interface{ eventType() string }

// order is what every event has of the order.
type order struct {
	Order    string   `json:"order" doc:"The order's number."`
	Customer customer `json:"customer"`
	Total    money    `json:"total"`
}

type customer struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

type money struct {
	Amount   string `json:"amount" doc:"With two decimals, such as 49.90."`
	Currency string `json:"currency" doc:"ISO 4217, such as EUR."`
}

type (
	orderPlaced struct {
		order
		Items []item `json:"items"`
	}
	orderPaid struct {
		order
		Method string `json:"method" schema:"enum=card|invoice|paypal"`
	}
	orderShipped struct {
		order
		Carrier  string `json:"carrier"`
		Tracking string `json:"tracking" doc:"The carrier's number for the parcel."`
	}
	orderDelivered struct {
		order
		SignedBy string `json:"signed_by,omitempty" doc:"Who took the parcel. May be absent."`
	}
	orderCanceled struct {
		order
		Reason string `json:"reason" schema:"enum=customer|out_of_stock|fraud"`
	}
	orderRefunded struct {
		order
		Refund money `json:"refund" doc:"What was paid back: the total, or a part of it."`
	}
)

type item struct {
	SKU      string `json:"sku"`
	Name     string `json:"name"`
	Quantity int    `json:"quantity"`
}

func (orderPlaced) eventType() string    { return "order.placed" }
func (orderPaid) eventType() string      { return "order.paid" }
func (orderShipped) eventType() string   { return "order.shipped" }
func (orderDelivered) eventType() string { return "order.delivered" }
func (orderCanceled) eventType() string  { return "order.canceled" }
func (orderRefunded) eventType() string  { return "order.refunded" }

// newOrderEvent returns the event that tells a tenant's endpoints of data.
func newOrderEvent(tenant string, at time.Time, data orderData) (sender.Event, error) {
	payload, err := json.Marshal(orderEvent{data.eventType(), at.UTC().Truncate(time.Second), data})
	if err != nil {
		return sender.Event{}, fmt.Errorf("%s: encode the payload: %w", data.eventType(), err)
	}
	return sender.Event{Tenant: tenant, Type: data.eventType(), Payload: payload}, nil
}

// orderCatalog is what customers of the product can subscribe to.
func orderCatalog() ([]sender.EventType, error) {
	example := order{
		Order: "17042", Customer: customer{ID: "cus_5fd1", Email: "jane@example.com"}, Total: money{"49.90", "EUR"},
	}
	var types []sender.EventType
	for _, entry := range []struct {
		description string
		data        orderData
	}{
		{"A customer has placed an order.", orderPlaced{example, []item{{SKU: "TS-M-BLUE", Name: "T-shirt, blue, M", Quantity: 2}}}},
		{"An order was paid in full. Most integrations should subscribe to this event.", orderPaid{example, "card"}},
		{"The parcel was handed to a carrier.", orderShipped{example, "DHL", "00340434161094042557"}},
		{"The carrier has delivered the parcel.", orderDelivered{example, "J. Developer"}},
		{"An order was canceled before it was shipped.", orderCanceled{example, "customer"}},
		{"Some or all of the money was paid back.", orderRefunded{example, money{"24.95", "EUR"}}},
	} {
		name := entry.data.eventType()
		at := time.Date(2026, time.January, 8, 10, 30, 0, 0, time.UTC)
		event, err := newOrderEvent("", at, entry.data)
		if err != nil {
			return nil, err
		}
		schema, err := jsonschema.Of(orderEvent{name, at, entry.data})
		if err != nil {
			return nil, fmt.Errorf("%s: encode the schema: %w", name, err)
		}
		types = append(types, sender.EventType{
			Name: name, Group: "Orders", Description: entry.description, Example: event.Payload, Schema: schema,
		})
	}
	return types, nil
}
