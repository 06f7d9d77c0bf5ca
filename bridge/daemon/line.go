package daemon

import (
	"tillbridge/bridge/config"
	"tillbridge/terminal/line"
)

// LineOf is the line to a terminal as the settings have it.
func LineOf(p config.Port) line.Config {
	return line.Config{
		Serial: p.Serial, USB: p.USB, SerialNumber: p.SerialNumber, USBPath: p.USBPath, TCP: p.TCP, Listen: p.Listen, Allow: p.Allow,
		Baud: p.Baud, DataBits: p.DataBits, Parity: p.Parity, StopBits: p.StopBits,
	}
}
