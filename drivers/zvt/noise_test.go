package zvt

import (
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
)

func TestNoisyLine(t *testing.T) {
	drivertest.Noise(t, drivertest.NoiseOptions{
		Subject: subject(TerminalPrints, terminal.Serial),
		Frames:  func(_ bool, b []byte) []string { return frames(b) },
	})
}

// frames are the contents of all frames with a right CRC in a stream, at whatever byte one begins to read it.
func frames(b []byte) (contents []string) {
	for i := range b {
		if c := unframed(b[i:]); c != nil {
			contents = append(contents, string(c))
		}
	}
	return contents
}
