package jasper

import (
	"fmt"
	"slices"

	"github.com/outhook/outhook/examples/internal/jsonschema"
	"github.com/outhook/outhook/sender"
)

// category is one of the page's tables.
type category struct {
	name   string
	events []struct{ name, description string }
}

// categories are the page's, in its order and its words.
var categories = []category{
	{"Review Events", []struct{ name, description string }{
		{TypeReviewCreated, "A new code review has been queued"},
		{TypeReviewStarted, "AI analysis has started on a review"},
		{TypeReviewCompleted, "A code review has finished successfully"},
		{TypeReviewFailed, "A review failed to complete"},
	}},
	{"Repository Events", []struct{ name, description string }{
		{TypeRepositoryAdded, "A new repository was enabled for reviews"},
		{TypeRepositoryRemoved, "A repository was disabled or removed"},
		{TypeRepositorySettingsUpdated, "Repository settings were changed"},
	}},
	{"Billing Events", []struct{ name, description string }{
		{TypeCreditsPurchased, "Credits were purchased for the organization"},
		{TypeCreditsLow, "Credit balance is running low (below threshold)"},
		{TypeCreditsDepleted, "All credits have been used"},
		{TypeFreeTierReset, "Monthly free tier reviews have been reset"},
	}},
	{"Team Events", []struct{ name, description string }{
		{TypeMemberAdded, "A new member joined the organization"},
		{TypeMemberRemoved, "A member was removed from the organization"},
		{TypeMemberRoleChanged, "A member's role was updated"},
	}},
	{"Security Events", []struct{ name, description string }{
		{TypeAlertCreated, "A security vulnerability was detected in a review"},
		{TypeAlertResolved, "A security alert was marked as resolved"},
	}},
	{"Organization Events", []struct{ name, description string }{
		{TypeOrganizationSettingsUpdated, "Organization settings were changed"},
	}},
}

// Catalog returns the page's events, for sender.Config.Events.
func Catalog() ([]sender.EventType, error) {
	data := exampleData()
	var types []sender.EventType
	for _, category := range categories {
		for _, event := range category.events {
			i := slices.IndexFunc(data, func(d Data) bool { return d.EventType() == event.name })
			if i < 0 {
				return nil, fmt.Errorf("%s: no example", event.name)
			}
			example, err := NewEvent(exampleOrg, exampleTime, data[i])
			if err != nil {
				return nil, err
			}
			schema, err := jsonschema.Of(Envelope{Event: event.name, Data: data[i]})
			if err != nil {
				return nil, fmt.Errorf("%s: encode the schema: %w", event.name, err)
			}
			types = append(types, sender.EventType{
				Name: event.name, Group: category.name, Description: event.description,
				Example: example.Payload, Schema: schema,
			})
		}
	}
	return types, nil
}
