package jam

import (
	"time"

	"github.com/outhook/outhook/sender"
)

// exampleTeam is the workspace of the examples.
const exampleTeam = "team_9f2c"

var exampleTime = time.Date(2026, time.January, 8, 10, 30, 0, 0, time.UTC)

// Examples returns an event of each type, with every field that the page
// lists. TypeCreated is the first.
func Examples() ([]sender.Event, error) {
	var events []sender.Event
	for _, body := range exampleBodies() {
		event, err := NewEvent(exampleTeam, body)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

func exampleBodies() []Body {
	return []Body{ExampleCreated(), exampleRecorded(), exampleOptedOut()}
}

// ExampleCreated returns the body of a jam.created in which no field is
// absent.
func ExampleCreated() Created {
	return Created{
		JamID:       "jam_4b1d7e",
		JamURL:      "https://jam.dev/c/jam_4b1d7e",
		TeamID:      exampleTeam,
		Type:        Video,
		CreatedAt:   exampleTime,
		Title:       "Checkout button does nothing – “Pay” stays grey",
		Description: "Happens after the address was changed twice.",
		OriginalURL: "https://shop.example.com/checkout?step=3&lang=en",
		Origin:      "extension_chrome",
		IsIncognito: new(false),
		Author:      Author{Email: "jane@example.com", Name: "Jane Developer"},
		Media: Media{
			VideoURL:      "https://media.jam.dev/jam_4b1d7e/video.mp4",
			ScreenshotURL: "https://media.jam.dev/jam_4b1d7e/screenshot.png",
			ThumbnailURL:  "https://media.jam.dev/jam_4b1d7e/thumbnail.jpg",
		},
		SystemInfo: SystemInfo{
			Browser: &Software{Name: "Chrome", Version: "143.0.0.0"},
			OS:      &Software{Name: "macOS", Version: "26.1"},
			Screen:  &Screen{Width: 1728, Height: 1117},
		},
	}
}

func exampleRecorded() RecorderRecorded {
	return RecorderRecorded{
		Event:          TypeRecorderRecorded,
		TeamID:         exampleTeam,
		ConversationID: "215467890123",
		CreatedAt:      exampleTime,
		JamID:          "jam_4b1d7e",
		JamURL:         "https://jam.dev/c/jam_4b1d7e",
	}
}

func exampleOptedOut() RecorderOptedOut {
	return RecorderOptedOut{
		Event:          TypeRecorderOptedOut,
		TeamID:         exampleTeam,
		ConversationID: "215467890123",
		CreatedAt:      exampleTime,
	}
}
