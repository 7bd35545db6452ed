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

// Created is the body of [TypeCreated], in the order of the page's table and
// described in its words. A field with omitempty may be absent; all others are
// always there.
type Created struct {
	JamID       string    `json:"jamId" doc:"Unique ID of the Jam."`
	JamURL      string    `json:"jamUrl" doc:"Shareable URL where the Jam can be viewed." schema:"format=uri"`
	TeamID      string    `json:"teamId" doc:"ID of the workspace the Jam belongs to."`
	Type        Kind      `json:"type" doc:"One of video, screenshot, sessionReplay." schema:"enum=video|screenshot|sessionReplay"`
	CreatedAt   time.Time `json:"createdAt" doc:"ISO 8601 timestamp when the Jam was created."`
	Title       string    `json:"title,omitempty" doc:"Jam title. May be absent."`
	Description string    `json:"description,omitempty" doc:"Jam description. May be absent."`
	OriginalURL string    `json:"originalUrl,omitempty" doc:"Website URL where the Jam was captured. May be absent."`
	// Origin may be another than those.
	Origin string `json:"origin,omitempty" doc:"Capture source, such as recording_link, extension_chrome, mobile_ios, dashboard, or csup_intercom. May be absent."`
	// IsIncognito is nil if it is not known: false is sent.
	IsIncognito *bool      `json:"isIncognito,omitempty" doc:"Whether the Jam was captured in an incognito or private session. May be absent."`
	Author      Author     `json:"author" doc:"The user who captured the Jam. Includes email and may include name."`
	Media       Media      `json:"media" doc:"URLs for the captured media. Includes videoUrl, screenshotUrl, and thumbnailUrl where applicable."`
	SystemInfo  SystemInfo `json:"systemInfo" doc:"Capture environment. Includes browser (name, version), os (name, version), and screen (width, height) where applicable."`
}

// Author is who captured a Jam.
type Author struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
}

// Media is where to see what was captured. Which URLs there are depends on the
// kind.
type Media struct {
	VideoURL      string `json:"videoUrl,omitempty" schema:"format=uri"`
	ScreenshotURL string `json:"screenshotUrl,omitempty" schema:"format=uri"`
	ThumbnailURL  string `json:"thumbnailUrl,omitempty" schema:"format=uri"`
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
	Event          string    `json:"event" schema:"const"`
	TeamID         string    `json:"teamId"`
	ConversationID string    `json:"conversationId"`
	CreatedAt      time.Time `json:"createdAt"`
	JamID          string    `json:"jamId"`
	JamURL         string    `json:"jamUrl" schema:"format=uri"`
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
	Event          string    `json:"event" schema:"const"`
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
