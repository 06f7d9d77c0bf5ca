package manual

import (
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

var euro = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

func TestBattery(t *testing.T) {
	lacks := map[string]string{
		drivertest.Canceller: "the clerk says that it was not paid", drivertest.Identity: "nothing tells the terminal's number",
		drivertest.Recorded: "nothing is acknowledged to the terminal", simulate.PressEndOfDay: "no till hears of it",
		simulate.Tip:         "the form has no sum, and another one than asked for is left to the hold page",
		simulate.RebootAfter: "the terminal books before anybody hears of it",
		simulate.PrinterOut:  "without paper nobody can tell a refusal from a sale: lost-reply plays that",
	}
	for _, of := range []string{
		drivertest.Line, drivertest.StrangeCode, simulate.BadCRCOnce, simulate.SplitFrames, simulate.LostAck, simulate.KeepOnLoss,
		simulate.RepeatStatus, simulate.LateFrame, simulate.LateThenDeclined, simulate.NoAmount, simulate.NoStatus, simulate.Contradiction,
	} {
		lacks[of] = "there is no line"
	}
	drivertest.Run(t, drivertest.Subject{
		Driver: Driver(), Links: []terminal.LinkKind{terminal.TCP}, Currency: euro, Lacks: lacks,
	})
}
