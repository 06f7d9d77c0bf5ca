package link_test

import (
	"regexp"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
)

func TestUSB(t *testing.T) {
	form, seen := regexp.MustCompile(`^[0-9a-f]{4}:[0-9a-f]{4}$`), map[string]bool{}
	for _, u := range []terminal.USBID{
		link.USBTelium, link.USBMove5000, link.USBMove3000, link.USBDesk3000, link.USBIWL200, link.USBICT200, link.USBDesk5000, link.USBLane5000,
		link.USBLane3000, link.USBVX820, link.USBVX520C,
	} {
		if !form.MatchString(u.ID) || u.Name == "" || seen[u.ID] || seen[u.Name] {
			t.Errorf("%+v: an id is four digits, a colon and four digits, and neither it nor the name stands twice", u)
		}
		seen[u.ID], seen[u.Name] = true, true
	}
}
