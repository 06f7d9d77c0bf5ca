package ecr17

import (
	"testing"

	"tillbridge/drivers/ecr17/sim"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

func TestNoisyLine(t *testing.T) {
	drivertest.Noise(t, drivertest.NoiseOptions{
		Subject: subject(func(*Options) {}, sim.Options{}),
		Frames:  func(_ bool, b []byte) []string { return drivertest.STXFrames(b, format(wire.CoverAll, true)) },
	})
}
