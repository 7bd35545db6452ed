package main

import (
	"net/http"

	"github.com/outhook/outhook/examples/internal/jam"
	"github.com/outhook/outhook/examples/internal/jasper"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/portal"
)

// product is one of those that this program stands for: the shop, which is its
// own, and the two whose webhook pages the profiles are of.
type product struct {
	name    string // of its profile, too; the shop has the default one
	title   string
	catalog func() ([]sender.EventType, error)
}

var products = []product{
	{"", "Shop webhooks", orderCatalog},
	{"jam", "Jam webhooks", jamCatalog},
	{"jasper", "Jasper webhooks", jasper.Catalog},
}

// jamCatalog is Jam's under a heading: its page has none, as it has but three
// events.
func jamCatalog() ([]sender.EventType, error) {
	types, err := jam.Catalog()
	for i := range types {
		types[i].Group = "Jam Events"
	}
	return types, err
}

// catalog has the events of all products: the one Config serves the tenants of
// each, and its groups keep them apart.
func catalog() ([]sender.EventType, error) {
	var all []sender.EventType
	for _, p := range products {
		types, err := p.catalog()
		if err != nil {
			return nil, err
		}
		all = append(all, types...)
	}
	return all, nil
}

// newPortal returns the portal of a tenant who may have endpoints of any
// product.
func newPortal(cfg sender.Config) (http.Handler, error) {
	profiles := make([]string, len(products))
	for i, p := range products {
		profiles[i] = p.name
	}
	return portal.New(portal.Config{Sender: cfg, Authorize: authorize, Profiles: profiles})
}

// portal returns the portal of the product's own customers: nobody is shown the
// events of another product.
func (p product) portal(cfg sender.Config) (http.Handler, error) {
	var err error
	if cfg.Events, err = p.catalog(); err != nil {
		return nil, err
	}
	return portal.New(portal.Config{
		Sender: cfg, Authorize: authorize, Profiles: []string{p.name}, Theme: portal.Theme{Title: p.title},
	})
}
