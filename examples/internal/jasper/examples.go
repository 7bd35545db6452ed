package jasper

import (
	"time"

	"github.com/outhook/outhook/sender"
)

// What the page's examples are about, and ours with them.
var (
	exampleOrg    = Organization{ID: "org_abc123", Name: "Your Organization"}
	exampleTime   = time.Date(2026, time.January, 8, 10, 30, 0, 0, time.UTC)
	examplePR     = PullRequest{ReviewID: "rev_abc123", Repository: "org/repo", Number: 42, Title: "Add new feature"}
	exampleReview = "https://heyjasper.ai/reviews/rev_abc123"
	exampleAdmin  = Person{ID: "usr_abc123", Name: "John Admin"}
	exampleUser   = User{
		ID:             "usr_xyz789",
		Name:           "Jane Developer",
		Email:          "[email\u00a0protected]", // as the page, which hides addresses, has it
		GitHubUsername: "janedev",
	}
	exampleAlert = Alert{
		AlertID:    "alr_abc123",
		ReviewID:   "rev_abc123",
		Repository: "org/repo",
		Severity:   "high",
		Title:      "SQL built from user input",
	}
)

// Examples returns an event of each type, with every field. The first one is
// the page's review.completed.
func Examples() ([]sender.Event, error) {
	var events []sender.Event
	for _, data := range exampleData() {
		event, err := NewEvent(exampleOrg, exampleTime, data)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

// ExampleReviewCompleted returns the data of the page's "Review Completed
// Example".
func ExampleReviewCompleted() ReviewCompleted {
	return ReviewCompleted{
		PullRequest: examplePR,
		Verdict:     "APPROVE",
		Score:       85,
		Summary:     "Code looks good with minor suggestions...",
		Issues:      Issues{Critical: 0, High: 1, Medium: 2, Low: 5},
		URL:         exampleReview,
	}
}

func exampleData() []Data {
	return []Data{
		ExampleReviewCompleted(),
		ReviewCreated{PullRequest: examplePR, URL: exampleReview},
		ReviewStarted{PullRequest: examplePR, URL: exampleReview},
		ReviewFailed{PullRequest: examplePR, Reason: "The pull request was closed.", URL: exampleReview},

		RepositoryAdded{Repository: "org/repo", AddedBy: exampleAdmin},
		RepositoryRemoved{Repository: "org/repo", RemovedBy: exampleAdmin},
		RepositorySettingsUpdated{Repository: "org/repo", Changed: []string{"auto_review"}, UpdatedBy: exampleAdmin},

		CreditsPurchased{Credits: 500, Balance: 620, PurchasedBy: exampleAdmin},
		CreditsLow{Balance: 20, Threshold: 25},
		CreditsDepleted{Balance: 0},
		FreeTierReset{Reviews: 50},

		MemberAdded{User: exampleUser, Role: "member", InvitedBy: exampleAdmin},
		MemberRemoved{User: exampleUser, RemovedBy: exampleAdmin},
		MemberRoleChanged{User: exampleUser, Role: "admin", PreviousRole: "member", ChangedBy: exampleAdmin},

		AlertCreated{Alert: exampleAlert, URL: exampleReview},
		AlertResolved{Alert: exampleAlert, ResolvedBy: exampleAdmin, URL: exampleReview},

		OrganizationSettingsUpdated{Changed: []string{"name"}, UpdatedBy: exampleAdmin},
	}
}
