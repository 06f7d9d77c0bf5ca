package doctor

import (
	"strings"
	"testing"

	"tillbridge/bridge/config"
)

func TestWhoIsToldOfAlarms(t *testing.T) {
	for more, want := range map[string]string{
		"": "Alarms stand on the counter screen alone.",
		"alarms: {webhook: {url: https://alarms.example/S3cr3t}}\n":                                                                                 "Alarms are told to a web address.",
		"alarms: {email: {smtp: mail.example.com:587, from: a@example.com, to: [b@example.com]}}\n":                                                 "Alarms are told by e-mail through mail.example.com:587 to 1 address.",
		"alarms: {webhook: {url: https://a.example}, email: {smtp: mail.example.com:587, from: a@example.com, to: [b@example.com, c@d.example]}}\n": "to 2 addresses and to a web address.",
	} {
		w := newWorld(t)
		w.settings += more
		found := Finding{}
		for _, f := range w.examine() {
			if f.Check == "told" {
				found = f
			}
		}
		if found.Verdict != Good || !strings.Contains(found.Text, want) || strings.Contains(found.Text, "S3cr3t") || found.Title != "Who is told of alarms" {
			t.Errorf("%q: %+v", more, found)
		}
	}
	w := newWorld(t)
	replace(w, "driver:", "drivr:")
	for _, f := range w.examine() {
		if f.Check == "told" && f.Verdict != NotChecked {
			t.Errorf("with wrong settings: %+v", f)
		}
	}
}

// A file with a secret of the alarms that everybody can read is no other check's business.
func TestOpenFilesOfAlarms(t *testing.T) {
	const message = `the file "/t" can be read by every user of this machine`
	if ownCheck(&config.Error{Path: "alarms.webhook.token_file", Message: message}) || !ownCheck(&config.Error{Path: "mgr.passcode_file", Message: message}) {
		t.Error("nobody warns of it, or two do")
	}
}
