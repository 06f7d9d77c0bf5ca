package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"tillbridge/terminal"
)

var (
	usbID   = regexp.MustCompile(`^[0-9a-f]{4}:[0-9a-f]{4}$`)
	usbPath = regexp.MustCompile(`^[0-9]{1,3}-[0-9]{1,3}(\.[0-9]{1,3}){0,5}(:[0-9]{1,3}\.[0-9]{1,3})?$`)
	// usbLike finds vendor and product in other ways of writing them: 0x0b00:0x54, VID_0B00&PID_0054, b00/54.
	usbLike = regexp.MustCompile(`^(?:usb\\)?(?:0x|vid_)?([0-9a-f]{1,4})[:/& +_-]{1,3}(?:0x|pid_)?([0-9a-f]{1,4})$`)
	// byPath finds the socket in a name of /dev/serial/by-path: pci-0000:00:14.0-usb-0:1.4:1.0.
	byPath = regexp.MustCompile(`usb(?:v[0-9])?-[0-9]+:`)
)

// maxSerialNumber is the most characters that a USB device can have in its serial number.
const maxSerialNumber = 126

// usb reads a serial port that is found by its USB device.
func (b *block) usb(d terminal.LineDefaults) Port {
	p := b.mode(d)
	var numberOK, pathOK bool
	p.USB = b.usbID()
	p.SerialNumber, numberOK = b.serialNumber()
	p.USBPath, pathOK = b.usbPath()
	if p.USB == "" || !numberOK || !pathOK {
		return Port{}
	}
	if p.SerialNumber != "" && p.USBPath != "" {
		b.fail("usb_path", "serial_number and usb_path are both given", "keep serial_number, which is right wherever the terminal is plugged in; usb_path is for devices without one")
		return Port{}
	}
	return p
}

func (b *block) usbID() string {
	const form = `write four hexadecimal digits of the vendor, a colon and four of the product, as in "0b00:0054"; tillbridge ports shows them`
	text, ok := b.word("usb", "a USB vendor and product")
	if !ok {
		return ""
	}
	low := strings.ToLower(text)
	if usbID.MatchString(low) {
		return low
	}
	allowed := form
	if m := usbLike.FindStringSubmatch(low); m != nil {
		allowed = fmt.Sprintf(`did you mean "%04s:%04s"? Otherwise %s`, m[1], m[2], form)
	}
	b.fail("usb", show(text)+" is not a USB vendor and product", allowed)
	return ""
}

// serialNumber reads the device's own number; false where it is there and wrong.
func (b *block) serialNumber() (string, bool) {
	if !b.has("serial_number") {
		return "", true
	}
	text, ok := b.text("serial_number", "a serial number")
	if ok && (len([]rune(text)) > maxSerialNumber || strings.ContainsFunc(text, unprintable) || strings.TrimSpace(text) != text) {
		b.fail("serial_number", show(text)+" is not a serial number of a USB device", fmt.Sprintf("copy it from tillbridge ports: at most %d characters, no space at either end", maxSerialNumber))
		ok = false
	}
	return text, ok
}

func unprintable(c rune) bool { return !unicode.IsPrint(c) }

// usbPath reads where the device is plugged in; false where it is there and wrong.
func (b *block) usbPath() (string, bool) {
	if !b.has("usb_path") {
		return "", true
	}
	text, ok := b.word("usb_path", "the place of a USB device")
	switch {
	case !ok:
		return "", false
	case b.r.paths.windows:
		b.fail("usb_path", "Windows does not tell where a USB device is plugged in", "for like devices without serial numbers write serial: with the COM port, which Windows keeps for the socket")
	case byPath.MatchString(text):
		b.fail("usb_path", show(text)+" is a name from /dev/serial/by-path", "write it as serial: /dev/serial/by-path/…, or the place as tillbridge ports shows it, such as 1-1.4")
	case !usbPath.MatchString(text):
		b.fail("usb_path", show(text)+" is not the place of a USB device", "write it as tillbridge ports shows it: 1-1.4 for the device, 1-1.4:1.0 for one of its interfaces")
	default:
		return text, true
	}
	return "", false
}
