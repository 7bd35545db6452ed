package portal

import (
	_ "embed"
	"encoding/json"
	"net/http"
)

// openapi describes the API to programs (OpenAPI 3.1).
//
//go:embed openapi.json
var openapi []byte

func (p *portal) apiDocument(*visit) (reply, error) {
	return reply{http.StatusOK, json.RawMessage(openapi)}, nil
}
