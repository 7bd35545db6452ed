package jam

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The event types.
const (
	// TypeCreated: a new Jam was captured, from any origin.
	TypeCreated = "jam.created"
	// TypeRecorderRecorded: a customer submitted a screen recording through the
	// Intercom integration.
	TypeRecorderRecorded = "intercom.recorder.recorded"
	// TypeRecorderOptedOut: a customer declined to record through the Intercom
	// integration.
	TypeRecorderOptedOut = "intercom.recorder.opted_out"
)

// Kind is what was captured.
type Kind string

// The kinds of a Jam.
const (
	Video         Kind = "video"
	Screenshot    Kind = "screenshot"
	SessionReplay Kind = "sessionReplay"
)

// Created is the body of [TypeCreated], in the order of the page's table. A
// field with omitempty may be absent; all others are always there.
type Created struct {
	JamID       string    `json:"jamId"`
	JamURL      string    `json:"jamUrl"`
	TeamID      string    `json:"teamId"`
	Type        Kind      `json:"type"`
	CreatedAt   time.Time `json:"createdAt"`
	Title       string    `json:"title,omitempty"`
	Description string    `json:"description,omitempty"`
	OriginalURL string    `json:"originalUrl,omitempty"`
	// Origin is where it was captured: recording_link, extension_chrome,
	// mobile_ios, dashboard, csup_intercom, or another.
	Origin string `json:"origin,omitempty"`
	// IsIncognito is nil if it is not known: false is sent.
	IsIncognito *bool      `json:"isIncognito,omitempty"`
	Author      Author     `json:"author"`
	Media       Media      `json:"media"`
	SystemInfo  SystemInfo `json:"systemInfo"`
}

// Author is who captured a Jam.
type Author struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
}

// Media is where to see what was captured. Which URLs there are depends on the
// kind.
type Media struct {
	VideoURL      string `json:"videoUrl,omitempty"`
	ScreenshotURL string `json:"screenshotUrl,omitempty"`
	ThumbnailURL  string `json:"thumbnailUrl,omitempty"`
}

// SystemInfo is what a Jam was captured on, as far as it is known.
type SystemInfo struct {
	Browser *Software `json:"browser,omitempty"`
	OS      *Software `json:"os,omitempty"`
	Screen  *Screen   `json:"screen,omitempty"`
}

// Software is a browser or an operating system.
type Software struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Screen is the size of a screen in pixels.
type Screen struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

// EventType implements [Body].
func (Created) EventType() string { return TypeCreated }

// Validate implements [Body].
func (c Created) Validate() error {
	errs := []error{
		required("jamId", c.JamID != ""),
		required("jamUrl", c.JamURL != ""),
		required("teamId", c.TeamID != ""),
		required("createdAt", !c.CreatedAt.IsZero()),
		required("author.email", c.Author.Email != ""),
	}
	if !slices.Contains([]Kind{Video, Screenshot, SessionReplay}, c.Type) {
		errs = append(errs, fmt.Errorf("type is %q, must be video, screenshot or sessionReplay", c.Type))
	}
	return errors.Join(errs...)
}

// The page does not show the bodies of the two Intercom events. These are the
// least that a receiver needs: which conversation it is about and, unlike
// jam.created, the name of the event, since both reach the same URL and no
// header of the page's three says which one it is.

// RecorderRecorded is the body of [TypeRecorderRecorded].
type RecorderRecorded struct {
	Event          string    `json:"event"`
	TeamID         string    `json:"teamId"`
	ConversationID string    `json:"conversationId"`
	CreatedAt      time.Time `json:"createdAt"`
	JamID          string    `json:"jamId"`
	JamURL         string    `json:"jamUrl"`
}

// EventType implements [Body].
func (RecorderRecorded) EventType() string { return TypeRecorderRecorded }

// Validate implements [Body].
func (r RecorderRecorded) Validate() error {
	return errors.Join(
		required("event", r.Event == TypeRecorderRecorded),
		required("teamId", r.TeamID != ""),
		required("conversationId", r.ConversationID != ""),
		required("createdAt", !r.CreatedAt.IsZero()),
		required("jamId", r.JamID != ""),
		required("jamUrl", r.JamURL != ""),
	)
}

// RecorderOptedOut is the body of [TypeRecorderOptedOut].
type RecorderOptedOut struct {
	Event          string    `json:"event"`
	TeamID         string    `json:"teamId"`
	ConversationID string    `json:"conversationId"`
	CreatedAt      time.Time `json:"createdAt"`
}

// EventType implements [Body].
func (RecorderOptedOut) EventType() string { return TypeRecorderOptedOut }

// Validate implements [Body].
func (r RecorderOptedOut) Validate() error {
	return errors.Join(
		required("event", r.Event == TypeRecorderOptedOut),
		required("teamId", r.TeamID != ""),
		required("conversationId", r.ConversationID != ""),
		required("createdAt", !r.CreatedAt.IsZero()),
	)
}

func required(field string, ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%s is missing", field)
}
