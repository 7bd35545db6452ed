package jam_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/examples/internal/exampletest"
	"github.com/outhook/outhook/examples/internal/jam"
)

// table is the page's table of jam.created, with the fields of its objects as
// their descriptions list them.
const table = `
jamId                      string
jamUrl                     string
teamId                     string
type                       string
createdAt                  string
title                      string
description                string
originalUrl                string
origin                     string
isIncognito                boolean
author                     object
author.email               string
author.name                string
media                      object
media.videoUrl             string
media.screenshotUrl        string
media.thumbnailUrl         string
systemInfo                 object
systemInfo.browser         object
systemInfo.browser.name    string
systemInfo.browser.version string
systemInfo.os              object
systemInfo.os.name         string
systemInfo.os.version      string
systemInfo.screen          object
systemInfo.screen.width    number
systemInfo.screen.height   number
`

func TestExampleHasEveryFieldOfTheTable(t *testing.T) {
	t.Parallel()
	var want []string
	for line := range strings.Lines(strings.TrimLeft(table, "\n")) {
		want = append(want, strings.Join(strings.Fields(line), " "))
	}
	got := fields(t, json.NewDecoder(bytes.NewReader(payload(t, jam.ExampleCreated()))), "")
	if !slices.Equal(got, want) {
		t.Errorf("fields of the example:\n%s\nwant those of the table, in its order:\n%s",
			strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// fields returns path and JSON type of each field of an object, in the order
// of the text.
func fields(t *testing.T, dec *json.Decoder, path string) []string {
	t.Helper()
	var found []string
	if path == "" {
		token(t, dec) // {
	}
	for dec.More() {
		name, ok := token(t, dec).(string)
		if !ok {
			t.Fatalf("%s: a field without a name", path)
		}
		name = path + name
		switch value := token(t, dec).(type) {
		case string:
			found = append(found, name+" string")
		case bool:
			found = append(found, name+" boolean")
		case float64:
			found = append(found, name+" number")
		case json.Delim:
			found = append(found, name+" object")
			found = append(found, fields(t, dec, name+".")...)
		default:
			t.Fatalf("%s is %v", name, value)
		}
	}
	token(t, dec) // }
	return found
}

func token(t *testing.T, dec *json.Decoder) json.Token {
	t.Helper()
	token, err := dec.Token()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestGolden(t *testing.T) {
	t.Parallel()
	full := jam.ExampleCreated()
	for file, body := range map[string]jam.Body{
		"jam.created.json": full,
		"jam.created.minimal.json": jam.Created{
			JamID: full.JamID, JamURL: full.JamURL, TeamID: full.TeamID, Type: jam.Screenshot,
			CreatedAt: full.CreatedAt, Author: jam.Author{Email: full.Author.Email},
		},
	} {
		golden, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, golden); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if got := payload(t, body); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s:\ngot  %s\nwant %s", file, got, want.Bytes())
		}
	}
}

func TestExamplesCoverEveryType(t *testing.T) {
	t.Parallel()
	events, err := jam.Examples()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		got = append(got, e.Type)
		if !json.Valid(e.Payload) || e.Tenant == "" {
			t.Errorf("%s: tenant %q, payload %s", e.Type, e.Tenant, e.Payload)
		}
	}
	want := []string{"jam.created", "intercom.recorder.recorded", "intercom.recorder.opted_out"}
	if !slices.Equal(got, want) {
		t.Errorf("types %q, want %q", got, want)
	}
}

func TestNewEventRefusesWhatLacksARequiredField(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		body jam.Body
		want string
	}{
		{jam.Created{}, "jam.created: jamId is missing\njamUrl is missing\nteamId is missing\n" +
			"createdAt is missing\nauthor.email is missing\n" +
			`type is "", must be video, screenshot or sessionReplay`},
		{jam.RecorderRecorded{}, "intercom.recorder.recorded: event is missing\nteamId is missing\n" +
			"conversationId is missing\ncreatedAt is missing\njamId is missing\njamUrl is missing"},
		{jam.RecorderOptedOut{}, "intercom.recorder.opted_out: event is missing\nteamId is missing\n" +
			"conversationId is missing\ncreatedAt is missing"},
	} {
		_, err := jam.NewEvent("team_1", tc.body)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%T: error %v, want %s", tc.body, err, tc.want)
		}
	}
}

func TestProfileIsWhatThePagePromises(t *testing.T) {
	t.Parallel()
	profile := jam.Profile()
	want := []time.Duration{
		0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
	}
	if got := exampletest.Waits(profile.Retry); !slices.Equal(got, want) {
		t.Errorf("schedule %v, want %v", got, want)
	}
	headers := []string{"Svix-Id", "Svix-Timestamp", "Svix-Signature"}
	if got := profile.Signing.HeaderNames(); !slices.Equal(got, headers) {
		t.Errorf("headers %q, want %q", got, headers)
	}
	if profile.Timeout != 15*time.Second {
		t.Errorf("timeout %s, want 15s", profile.Timeout)
	}
}

func payload(t *testing.T, body jam.Body) []byte {
	t.Helper()
	e, err := jam.NewEvent("team_1", body)
	if err != nil {
		t.Fatal(err)
	}
	return e.Payload
}
