package main

import (
	"net/http"
	"time"
)

// demoTenant is a customer of one of the products, with a past.
type demoTenant struct {
	name      string
	product   product
	story     story
	perDay    float64 // stories, on a weekday
	endpoints []demoEndpoint
}

// demoEndpoint is an endpoint, and what its server does.
type demoEndpoint struct {
	host, path  string
	description string
	types       []string
	headers     http.Header
	timeout     time.Duration
	age         time.Duration // since it was created
	rotated     time.Duration // until the secret ends that was replaced; zero if none was
	replayed    time.Duration // how long ago what had failed was replayed; zero if it was not
	behave      behaviour
}

const day = 24 * time.Hour

// demoPast is how much past there is: a little less than is kept by default.
const demoPast = 29*day + 20*time.Hour

// demoTenants: each has an endpoint that is well, one that is flaky, one that
// fails, one that Outhook has disabled, and one that is new.
var demoTenants = []demoTenant{
	{name: "acme", product: products[0], story: orderStory, perDay: 9, endpoints: []demoEndpoint{
		{
			host: "hooks.acme.example", path: "/orders", description: "Order management", age: 410 * day,
			headers: http.Header{"Authorization": {"Bearer demo"}, "X-Environment": {"production"}},
			behave:  mostly(accepted, 0.004, crashed).from(9*day, 4*time.Hour, mostly(overloaded, 0.35, badGateway)),
		},
		{
			host: "erp.acme.example", path: "/api/inbound/webhooks", description: "ERP bridge, nightly restarts", age: 230 * day,
			types: []string{"order.paid", "order.refunded", "order.canceled"}, timeout: 10 * time.Second,
			behave: mostly(accepted, 0.28, crashed, slow, slow, hanging, reset, badGateway),
		},
		{
			host: "events.analytics.example", path: "/v2/ingest", description: "Analytics", age: 95 * day, rotated: 3 * time.Hour,
			behave: mostly(queued, 0.07, limited),
		},
		{
			host: "warehouse.northwind.example", path: "/outhook", description: "Warehouse (Northwind)", age: 160 * day,
			types:  []string{"order.paid", "order.canceled"},
			behave: mostly(queued, 0.01, badGateway).from(5*day, 0, always(refused)),
		},
		{
			host: "crm-old.acme.example", path: "/hook", description: "Old CRM", age: 700 * day,
			types: []string{"order.placed"}, behave: mostly(accepted, 0.02, slow).from(6*day, 0, always(gone)),
		},
		{
			host: "staging.acme.example", path: "/refunds", description: "Refund mails (staging)", age: demoQuiet,
			types: []string{"order.refunded"}, behave: always(accepted),
		},
	}},
	{name: "jam", product: products[1], story: jamStory, perDay: 24, endpoints: []demoEndpoint{
		{
			host: "hooks.chat.example", path: "/services/T02/B91/jams", description: "#bugs channel", age: 300 * day,
			types: []string{"jam.created"}, behave: mostly(accepted, 0.03, limited).from(12*day, 5*time.Hour, mostly(limited, 0.3, overloaded)),
		},
		{
			host: "tickets.globex.example", path: "/webhooks/jam", description: "Files a ticket for each Jam", age: 120 * day,
			types: []string{"jam.created"}, headers: http.Header{"X-Api-Key": {"demo"}},
			behave: mostly(slow, 0.3, crashed, accepted, hanging, badGateway),
		},
		{
			host: "fin.support.example", path: "/jam", description: "Intercom Fin", age: 45 * day, rotated: 90 * time.Minute,
			types: []string{"intercom.recorder.recorded", "intercom.recorder.opted_out"}, behave: mostly(accepted, 0.01, reset),
		},
		{
			host: "ci.globex.example", path: "/trigger", description: "Reproduces bugs in CI", age: 80 * day,
			types: []string{"jam.created"}, behave: mostly(queued, 0.02, badGateway).from(60*time.Hour, 0, always(expired)),
		},
		{
			host: "qa-bot.globex.example", path: "/", description: "QA bot of the last team", age: 500 * day,
			behave: mostly(accepted, 0.02, crashed).from(17*day, 0, always(gone)),
		},
		{
			host: "optouts.globex.example", path: "/consent", description: "Consent log", age: demoQuiet,
			types: []string{"intercom.recorder.opted_out"}, behave: always(accepted),
		},
	}},
	{name: "jasper", product: products[2], story: jasperStory, perDay: 11, endpoints: []demoEndpoint{
		{
			host: "ci.initech.example", path: "/jasper/reviews", description: "Merge gate", age: 200 * day, replayed: 6*day - 5*time.Hour,
			types:  []string{"review.*"},
			behave: mostly(accepted, 0.006, badGateway).from(6*day, 3*time.Hour, mostly(badGateway, 0.3, reset)),
		},
		{
			host: "chat.initech.example", path: "/hooks/eng-reviews", description: "#eng-reviews", age: 200 * day,
			types: []string{"review.completed", "review.failed", "team.*"}, behave: mostly(accepted, 0.2, limited, crashed, slow),
		},
		{
			host: "soc.initech.example", path: "/ingest/jasper", description: "Security dashboard", age: 130 * day, rotated: 20 * time.Hour,
			types: []string{"security.*"}, headers: http.Header{"X-Source": {"jasper"}}, behave: mostly(queued, 0.01, hanging),
		},
		{
			host: "metrics.initech.example", path: "/collect", description: "Review metrics", age: 60 * day, timeout: 10 * time.Second,
			types: []string{"review.created", "review.completed"}, behave: mostly(queued, 0.01, slow).from(50*time.Hour, 0, always(hanging)),
		},
		{
			host: "finance.initech.example", path: "/webhooks/credits", description: "Credits, for the finance team", age: 150 * day,
			behave: mostly(accepted, 0.01, slow).from(16*day, 0, always(unknown)),
		},
		{
			host: "audit.initech.example", path: "/settings", description: "Audit trail", age: demoQuiet,
			types: []string{"organization.*", "repository.*"}, behave: always(accepted),
		},
	}},
}

// demoQuiet is the end of the past, in which nothing new happens.
const demoQuiet = 2 * time.Minute
