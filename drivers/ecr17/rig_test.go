package ecr17

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

func sale(minor int64) terminal.Request {
	return terminal.Request{Reference: "TB00000001", Amount: terminal.Amount{Minor: minor, Currency: euros}, Armed: time.Now()}
}

// framed is a frame whose check byte covers all of it, written apart from the driver.
func framed(body string) string {
	lrc := byte(0x7F)
	out := "\x02" + body + "\x03"
	for _, c := range []byte(out) {
		lrc ^= c
	}
	return out + string([]byte{lrc})
}

const ackBytes, nakBytes = "\x06\x03\x7a", "\x15\x03\x69"

// approved is E with 00, 92 characters, put together by the positions of the sheet.
func approved(stan string, cents string) string {
	return "17000001" + "0E" + "00" + "000************0043" + "ICC" + "AUTH12" + clockNow() + "2" + "88105000001" + stan + "000777" + "000" + cents + "0000000000"
}

// refused is E with 01.
func refused(stan, cents, text string) string {
	return "17000001" + "0E" + "01" + (text + strings.Repeat(" ", 24))[:24] + "00000000000" + "2" + "88105000001" + stan + "000777" + "100" + cents + "0000000000"
}

// clockNow is the day and minute in which every bubble begins.
func clockNow() string {
	return time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC).In(time.Local).Format("0021504")
}

const statusAnswer = "17000001" + "0s" + "0000000000" + "0101000000" + "2" + "01.02.03"

// ordinary answers s and G, and leaves the rest to then.
func ordinary(last string, then func(line int, code byte, said string) []string) func(int, string) []string {
	return func(line int, said string) []string {
		if len(said) < 10 {
			return nil
		}
		switch said[9] {
		case 's':
			return []string{ackBytes + framed(statusAnswer)}
		case 'G':
			return []string{ackBytes + framed(last)}
		}
		return then(line, said[9], said)
	}
}

// sheetFormat is the frame of the sheet.
var sheetFormat = wire.STXFormat{Seed: 0x7F, Covers: wire.CoverAll, LongAck: true}

// withFake runs f with a session with a fake terminal.
func withFake(t *testing.T, k terminal.LinkKind, o *Options, fk *drivertest.Fake, f func(t *testing.T, s *session)) {
	t.Helper()
	fk.Format = sheetFormat
	synctest.Test(t, func(t *testing.T) {
		var tasks sync.WaitGroup
		defer tasks.Wait()
		s, err := open(t.Context(), terminal.Env{Link: k, Currency: euros, Log: slog.New(slog.DiscardHandler), Dial: fk.Dial(&tasks)}, o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(t, s.(*session))
	})
}

// rig is a session with a simulated terminal.
type rig struct {
	*drivertest.Rig
	s *session
	o *Options
}

// withSim runs f with a session with a simulated terminal that has made one sale.
func withSim(t *testing.T, k terminal.LinkKind, o *Options, so terminal.SimulatorOptions, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := drivertest.NewRig(t, drivertest.RigOptions{Driver: Driver(), Link: k, Currency: euros, Options: o, Simulator: so, Earlier: 990})
		f(&rig{r, r.Session.(*session), o})
	})
}

// ours is the ledger's newest entry that is not by hand, nil where there is none.
func (r *rig) ours() *terminal.Entry {
	all := r.Sales()
	if len(all) == 0 {
		return nil
	}
	return &all[len(all)-1]
}
