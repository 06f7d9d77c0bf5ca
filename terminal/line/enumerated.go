package line

import "strings"

// enumerated is a port as the serial library's enumerator tells it on Windows.
type enumerated struct {
	name         string
	isUSB        bool
	vid, pid     string
	serialNumber string
	friendly     string // "USB Serial Port (COM3)"
}

// info makes a PortInfo of it.
func (e enumerated) info() PortInfo {
	p := PortInfo{Name: e.name, number: numberOf(e.name)}
	title := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(e.friendly), "("+e.name+")"))
	p.Product = strings.Map(printable, title)
	if e.isUSB && e.vid != "" && e.pid != "" {
		p.USB = strings.ToLower(e.vid + ":" + e.pid)
		p.SerialNumber = strings.Map(printable, ownNumber(e.vid, e.serialNumber))
	}
	return p
}

// ownNumber is what the device itself says. FTDI's Windows driver adds the letter of the channel to it, and the
// library finds a single digit where there is none at all: the beginning of an id that Windows made up.
func ownNumber(vid, number string) string {
	if !strings.EqualFold(vid, "0403") {
		return number
	}
	if len(number) <= 1 {
		return ""
	}
	if last := number[len(number)-1]; last >= 'A' && last <= 'D' {
		return number[:len(number)-1]
	}
	return number
}

// numberOf is what identifies a COM port while it is there: its name, without the prefix of Windows' devices.
func numberOf(name string) string { return strings.ToUpper(strings.TrimPrefix(name, `\\.\`)) }
