package jasper

// The page says "16 webhook events organized into 6 categories" and lists the
// 17 below. It shows the data of two of them, review.completed and
// team.member_added; that of the other 15 is ours, with the same names for the
// same things.

// The event types, by the page's categories.
const (
	TypeReviewCreated   = "review.created"
	TypeReviewStarted   = "review.started"
	TypeReviewCompleted = "review.completed"
	TypeReviewFailed    = "review.failed"

	TypeRepositoryAdded           = "repository.added"
	TypeRepositoryRemoved         = "repository.removed"
	TypeRepositorySettingsUpdated = "repository.settings_updated"

	TypeCreditsPurchased = "billing.credits_purchased"
	TypeCreditsLow       = "billing.credits_low"
	TypeCreditsDepleted  = "billing.credits_depleted"
	TypeFreeTierReset    = "billing.free_tier_reset"

	TypeMemberAdded       = "team.member_added"
	TypeMemberRemoved     = "team.member_removed"
	TypeMemberRoleChanged = "team.member_role_changed"

	TypeAlertCreated  = "security.alert_created"
	TypeAlertResolved = "security.alert_resolved"

	TypeOrganizationSettingsUpdated = "organization.settings_updated"
)

// PullRequest is what a review is of; the first fields of all review events.
type PullRequest struct {
	ReviewID   string `json:"review_id"`
	Repository string `json:"repository"` // owner/name
	Number     int    `json:"pr_number"`
	Title      string `json:"pr_title"`
}

// ReviewCreated is the data of [TypeReviewCreated].
type ReviewCreated struct {
	PullRequest
	URL string `json:"url"`
}

// ReviewStarted is the data of [TypeReviewStarted].
type ReviewStarted struct {
	PullRequest
	URL string `json:"url"`
}

// ReviewCompleted is the data of [TypeReviewCompleted], as the page shows it.
type ReviewCompleted struct {
	PullRequest
	Verdict string `json:"verdict"` // such as APPROVE
	Score   int    `json:"score"`
	Summary string `json:"summary"`
	Issues  Issues `json:"issues"`
	URL     string `json:"url"`
}

// Issues counts what a review found, by severity.
type Issues struct {
	Critical int `json:"critical"`
	High     int `json:"high"`
	Medium   int `json:"medium"`
	Low      int `json:"low"`
}

// ReviewFailed is the data of [TypeReviewFailed].
type ReviewFailed struct {
	PullRequest
	Reason string `json:"reason"`
	URL    string `json:"url"`
}

// RepositoryAdded is the data of [TypeRepositoryAdded].
type RepositoryAdded struct {
	Repository string `json:"repository"`
	AddedBy    Person `json:"added_by"`
}

// RepositoryRemoved is the data of [TypeRepositoryRemoved].
type RepositoryRemoved struct {
	Repository string `json:"repository"`
	RemovedBy  Person `json:"removed_by"`
}

// RepositorySettingsUpdated is the data of [TypeRepositorySettingsUpdated].
type RepositorySettingsUpdated struct {
	Repository string   `json:"repository"`
	Changed    []string `json:"changed"` // names of settings
	UpdatedBy  Person   `json:"updated_by"`
}

// CreditsPurchased is the data of [TypeCreditsPurchased].
type CreditsPurchased struct {
	Credits     int    `json:"credits"`
	Balance     int    `json:"balance"`
	PurchasedBy Person `json:"purchased_by"`
}

// CreditsLow is the data of [TypeCreditsLow].
type CreditsLow struct {
	Balance   int `json:"balance"`
	Threshold int `json:"threshold"`
}

// CreditsDepleted is the data of [TypeCreditsDepleted].
type CreditsDepleted struct {
	Balance int `json:"balance"`
}

// FreeTierReset is the data of [TypeFreeTierReset].
type FreeTierReset struct {
	Reviews int `json:"reviews"` // free again this month
}

// Person is a user, where only who it was matters.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// User is a user of the organization.
type User struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	Email          string `json:"email"`
	GitHubUsername string `json:"github_username"`
}

// MemberAdded is the data of [TypeMemberAdded], as the page shows it.
type MemberAdded struct {
	User      User   `json:"user"`
	Role      string `json:"role"` // such as member
	InvitedBy Person `json:"invited_by"`
}

// MemberRemoved is the data of [TypeMemberRemoved].
type MemberRemoved struct {
	User      User   `json:"user"`
	RemovedBy Person `json:"removed_by"`
}

// MemberRoleChanged is the data of [TypeMemberRoleChanged].
type MemberRoleChanged struct {
	User         User   `json:"user"`
	Role         string `json:"role"`
	PreviousRole string `json:"previous_role"`
	ChangedBy    Person `json:"changed_by"`
}

// Alert is a vulnerability; the first fields of all security events.
type Alert struct {
	AlertID    string `json:"alert_id"`
	ReviewID   string `json:"review_id"`
	Repository string `json:"repository"`
	Severity   string `json:"severity" schema:"enum=critical|high|medium|low"`
	Title      string `json:"title"`
}

// AlertCreated is the data of [TypeAlertCreated].
type AlertCreated struct {
	Alert
	URL string `json:"url"`
}

// AlertResolved is the data of [TypeAlertResolved].
type AlertResolved struct {
	Alert
	ResolvedBy Person `json:"resolved_by"`
	URL        string `json:"url"`
}

// OrganizationSettingsUpdated is the data of
// [TypeOrganizationSettingsUpdated].
type OrganizationSettingsUpdated struct {
	Changed   []string `json:"changed"` // names of settings
	UpdatedBy Person   `json:"updated_by"`
}

// EventType implements [Data].
func (ReviewCreated) EventType() string { return TypeReviewCreated }

// EventType implements [Data].
func (ReviewStarted) EventType() string { return TypeReviewStarted }

// EventType implements [Data].
func (ReviewCompleted) EventType() string { return TypeReviewCompleted }

// EventType implements [Data].
func (ReviewFailed) EventType() string { return TypeReviewFailed }

// EventType implements [Data].
func (RepositoryAdded) EventType() string { return TypeRepositoryAdded }

// EventType implements [Data].
func (RepositoryRemoved) EventType() string { return TypeRepositoryRemoved }

// EventType implements [Data].
func (RepositorySettingsUpdated) EventType() string { return TypeRepositorySettingsUpdated }

// EventType implements [Data].
func (CreditsPurchased) EventType() string { return TypeCreditsPurchased }

// EventType implements [Data].
func (CreditsLow) EventType() string { return TypeCreditsLow }

// EventType implements [Data].
func (CreditsDepleted) EventType() string { return TypeCreditsDepleted }

// EventType implements [Data].
func (FreeTierReset) EventType() string { return TypeFreeTierReset }

// EventType implements [Data].
func (MemberAdded) EventType() string { return TypeMemberAdded }

// EventType implements [Data].
func (MemberRemoved) EventType() string { return TypeMemberRemoved }

// EventType implements [Data].
func (MemberRoleChanged) EventType() string { return TypeMemberRoleChanged }

// EventType implements [Data].
func (AlertCreated) EventType() string { return TypeAlertCreated }

// EventType implements [Data].
func (AlertResolved) EventType() string { return TypeAlertResolved }

// EventType implements [Data].
func (OrganizationSettingsUpdated) EventType() string { return TypeOrganizationSettingsUpdated }
