package portal

// Theme is how the pages look.
type Theme struct {
	// Title is the name of the pages.
	// Defaults to "Webhooks".
	Title string
}

// look is a Theme that has been checked.
type look struct{ title string }

func (t Theme) compile() (look, error) { return look{t.Title}, nil }
