package transbank

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

const reference, ticket = "TBRE1A00Z7", "1A00Z7"

func request(minor int64) terminal.Request {
	return terminal.Request{Reference: reference, Amount: terminal.Amount{Minor: minor, Currency: peso}, Armed: time.Now()}
}

// framed is a frame whose check byte covers body and ETX, or STX too, written apart from the driver.
func framed(body string, auto bool) string {
	lrc := byte(0)
	for _, c := range []byte(body) {
		lrc ^= c
	}
	if lrc ^= 0x03; auto {
		lrc ^= 0x02
	}
	return "\x02" + body + "\x03" + string([]byte{lrc})
}

// Messages of a terminal, put together by the positions of the sheet.
const (
	okReply     = "0210|00|597029414300|75001637|" + ticket + "|252985|1250|0||0461|000123|CR|||VI|26072023|113748|0|0||"
	badReply    = "0210|01|597029414300|75001637|" + ticket + "|      |1250|0||||CR|||||||0||"
	oldReply    = "0210|00|597029414300|75001637|000001|111111|990|0||0461|000122|CR|||VI|26072023|113000|0|0||"
	oldRecord   = "0261|00|597029414300|75001637|000001|111111|990|0461|000122|CR|||VI|26072023|113000|0|0||0|"
	okRecord    = "0261|00|597029414300|75001637|" + ticket + "|252985|1250|0461|000123|CR|||VI|26072023|113748|0|0||0|"
	voidRecord  = "0261|00|597029414300|75001637|" + ticket + "|252985|-1250|0461|000123|CR|||VI|26072023|113748|0|0||0|"
	handRecord  = "0261|00|597029414300|75001637||333333|1250|0461|000124|CR|||VI|26072023|113900|0|0||0|"
	otherRecord = "0261|00|597029414300|75001637||333333|500|0461|000124|CR|||VI|26072023|113900|0|0||0|"
	blankRecord = "0261|00|597029414300|75001637| | | | |000124|||| || | | | | |||"
	okLast      = "0260|00|597029414300|75001637|" + ticket + "|252985|1250|0||0461|000123|CR|||VI|26072023|113748|0|0||"
	noLast      = "0260|11|||||||||||||||||||"
	oldMark     = terminal.Mark("transbank|75001637|122|111111")
	noneMark    = terminal.Mark("transbank|75001637||")

	autoOld = "0260|00|597029414300|75001637|000001|111111|990|6590|122|CR|||VI|28102025|174756"
	autoOK  = "0210|00|597029414300|75001637|" + ticket + "|252985|1250|6590|123|CR|||VI|28102025|174900||||0|"
)

// Control bytes as the terminal says them.
const ack, nak = "\x06", "\x15"

// ordinary acknowledges the poll, tells its sales, and leaves the rest to then.
func ordinary(records []string, last string, then func(_ int, said string) []string) func(int, string) []string {
	return func(_ int, said string) []string {
		switch {
		case said == "0100":
			return []string{ack}
		case strings.HasPrefix(said, "0260|1"):
			return append([]string{ack}, records...)
		case strings.HasPrefix(said, "0250"):
			return []string{ack, last}
		case then == nil:
			return nil
		}
		return then(0, said)
	}
}

// sells answers a sale with pieces.
func sells(pieces ...string) func(int, string) []string {
	return func(_ int, said string) []string {
		if strings.HasPrefix(said, "0200") {
			return pieces
		}
		return nil
	}
}

// withFake runs f with a session with a fake terminal. What it says is framed where it begins with four digits.
func withFake(t *testing.T, o *Options, fk *drivertest.Fake, f func(t *testing.T, s *session)) {
	t.Helper()
	fk.Format = ours()
	fk.Frame = func(piece string) string {
		if len(piece) > 4 && wire.IsDigits(piece[:4]) {
			return framed(piece, o.Model == Autoservicio)
		}
		return piece
	}
	synctest.Test(t, func(t *testing.T) {
		var tasks sync.WaitGroup
		defer tasks.Wait()
		s, err := open(t.Context(), terminal.Env{Currency: peso, Log: slog.New(slog.DiscardHandler), Dial: fk.Dial(&tasks)}, o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(t, s.(*session))
	})
}

// withSim runs f with a session with a simulated terminal that has made one sale.
func withSim(t *testing.T, o *Options, so terminal.SimulatorOptions, f func(t *drivertest.Rig, s *session)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := drivertest.NewRig(t, drivertest.RigOptions{Driver: Driver(), Currency: peso, Options: o, Simulator: so, Earlier: 990})
		f(r, r.Session.(*session))
	})
}
