package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tillbridge/terminal"
)

const rulesHead = `# Card terminals that tillbridge knows, by the USB ids of its drivers. Made with the package; changes belong into a file of the
# same name in /etc/udev/rules.d.
ACTION=="remove", GOTO="tillbridge_end"

# The group that the service is in, as most systems have it anyway.
SUBSYSTEM=="tty", KERNEL=="ttyS[0-9]*|ttyUSB[0-9]*|ttyACM[0-9]*|ttyAMA[0-9]*|ttymxc[0-9]*", GROUP="dialout", MODE="0660"

# ModemManager would ask a terminal whether it is a modem.
SUBSYSTEM!="usb", GOTO="tillbridge_end"
ENV{DEVTYPE}!="usb_device", GOTO="tillbridge_end"
`

var usbID = regexp.MustCompile(`^[0-9a-f]{4}:[0-9a-f]{4}$`)

// udev is the rule for the terminals of some drivers.
func udev(all []terminal.Driver) (string, error) {
	names := map[string]string{}
	for _, d := range all {
		for _, id := range d.USB {
			if !usbID.MatchString(id.ID) || strings.ContainsAny(id.Name, "\r\n\\") {
				return "", fmt.Errorf("%s: the USB id %q, %q cannot stand in a rule", d.Name, id.ID, id.Name)
			}
			if names[id.ID] == "" {
				names[id.ID] = id.Name
			}
		}
	}
	if len(names) == 0 {
		return "", errors.New("no driver knows a USB id")
	}
	var ids []string
	for id := range names {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var b strings.Builder
	b.WriteString(rulesHead)
	for _, id := range ids {
		vendor, product, _ := strings.Cut(id, ":")
		fmt.Fprintf(&b, "# %s\nATTR{idVendor}==%q, ATTR{idProduct}==%q, ENV{ID_MM_DEVICE_IGNORE}=\"1\"\n", names[id], vendor, product)
	}
	b.WriteString("\nLABEL=\"tillbridge_end\"\n")
	return b.String(), nil
}
