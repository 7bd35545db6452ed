package portal

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// secretJSON is one that signs. Without ExpiresAt it does until it is rotated.
type secretJSON struct {
	Value     string    `json:"value"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// apiListSecrets shows the secrets that sign now, newest first.
func (p *portal) apiListSecrets(v *visit) (reply, error) {
	e, err := p.store.GetEndpoint(v.Context(), v.Tenant, v.PathValue("id"))
	if err != nil {
		return reply{}, err
	}
	return reply{http.StatusOK, showAll(activeSecrets(e), func(s store.Secret) secretJSON { return secretJSON{s.Value, s.ExpiresAt} })}, nil
}

// activeSecrets are those that sign now.
func activeSecrets(e store.Endpoint) []store.Secret {
	at := time.Now()
	return slices.DeleteFunc(slices.Clone(e.Secrets), func(s store.Secret) bool { return !s.Active(at) })
}

const (
	// defaultOverlap is how long the old secrets sign as well: a day to change the
	// receiver.
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 7 * 24 * time.Hour
)

// rotationJSON is a request for a new secret.
type rotationJSON struct {
	Overlap *duration `json:"overlap"`
}

// rotatedJSON is what became of the secrets. Those who may not see the new one learn
// that there is one.
type rotatedJSON struct {
	ID     string    `json:"id"`
	Secret string    `json:"secret,omitempty"`
	Until  time.Time `json:"old_secrets_until,omitzero"`
}

func (p *portal) apiRotateSecret(v *visit) (reply, error) {
	var in rotationJSON
	if err := decode(v.Request, &in); err != nil {
		return reply{}, err
	}
	overlap := defaultOverlap
	if in.Overlap != nil {
		overlap = time.Duration(*in.Overlap)
	}
	if overlap < 0 || overlap > maxOverlap {
		return reply{}, invalid(fieldProblem{"overlap", fmt.Sprintf("is %s, must be 0s to %s", overlap, maxOverlap)})
	}
	e, err := sender.RotateSecret(v.Context(), p.cfg.Sender, v.Tenant, v.PathValue("id"), overlap)
	if err != nil {
		return reply{}, unrotatable(err)
	}
	answer := rotatedJSON{ID: e.ID}
	if v.May&Secrets != 0 {
		answer.Secret = e.Secrets[0].Value
	}
	if len(e.Secrets) > 1 && p.oldSigns(e) {
		answer.Until = e.Secrets[1].ExpiresAt
	}
	return reply{http.StatusOK, answer}, nil
}

// unrotatable says what it is to a client that the endpoint's profile needs
// several secrets, or is gone.
func unrotatable(err error) error {
	for _, e := range fieldErrors(err) {
		if strings.HasPrefix(e.Field, "Endpoint.") {
			return newProblem(http.StatusConflict, "The secrets of this endpoint cannot be rotated here.")
		}
	}
	return err
}
