package link_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/simulate"
)

const (
	enq, ack, nak, eot = "\x05", "\x06", "\x15", "\x04"
	ours               = "\x0201\x03\x02" // 30^31^03
	theirs             = "\x0207\x03\x04" // 30^37^03
	broken             = "\x0207\x03\x05"
)

// play is a terminal that does what its lines say: "hear X" wants X next, "say X" writes it, "pass 2s" waits. What it heard
// beside is kept.
func play(far *simulate.PipeEnd, lines ...string) (heard func() string) {
	var beside strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, line := range lines {
			what, text, _ := strings.Cut(line, " ")
			switch what {
			case "pass":
				d, err := time.ParseDuration(text)
				if err != nil {
					fmt.Fprintf(&beside, "{%v}", err)
					return
				}
				pause := time.NewTimer(d)
				<-pause.C
			case "say":
				_, _ = far.Write([]byte(text))
			case "hear":
				_ = far.SetReadDeadline(time.Now().Add(time.Minute))
				got := make([]byte, 0, len(text))
				for len(got) < len(text) {
					b := make([]byte, 1)
					if _, err := far.Read(b); err != nil {
						fmt.Fprintf(&beside, "{%q instead of %q}", got, text)
						return
					}
					got = append(got, b[0])
				}
				if string(got) != text {
					fmt.Fprintf(&beside, "{%q instead of %q}", got, text)
				}
			}
		}
		_ = far.SetReadDeadline(time.Now().Add(10 * time.Minute))
		for b := make([]byte, 64); ; {
			n, err := far.Read(b)
			beside.Write(b[:n])
			if err != nil {
				return
			}
		}
	}()
	return func() string {
		<-done
		return beside.String()
	}
}

// exchange runs f with a line whose far end does what the lines say, and tells what the far end heard beside.
func exchange(t *testing.T, f func(t *testing.T, x *link.Exchange, q *terminal.Quality), lines ...string) (beside string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := simulate.Pipe()
		heard := play(far, lines...)
		q := &terminal.Quality{}
		f(t, link.NewExchange(near, 32, q), q)
		_ = near.Close()
		beside = heard()
	})
	return beside
}

func TestExchangeSend(t *testing.T) {
	open := []string{"hear " + enq, "say " + ack}
	with := func(lines ...string) []string { return append(append([]string{}, open...), lines...) }
	for _, c := range []struct {
		name   string
		lines  []string
		want   error
		left   int // how often leaving was called
		took   string
		beside string
	}{
		{"taken", with("hear "+ours, "say "+ack), nil, 1, "", eot},
		{"no answer at all", nil, link.ErrNoAnswer, 0, "", enq + eot + enq + eot + enq + eot},
		{"no line is given", []string{"hear " + enq, "say " + nak, "hear " + eot + enq, "say " + nak, "hear " + eot + enq, "say " + nak}, link.ErrNoAnswer, 0, "", eot},
		{"the line is given late", []string{"hear " + enq, "pass 3500ms", "say " + ack, "hear " + eot + enq, "say " + ack, "hear " + ours, "say " + ack}, nil, 1, "", eot},
		{"refused once", with("hear "+ours, "say "+nak, "hear "+ours, "say "+ack), nil, 1, "", eot},
		{"refused thrice", with("hear "+ours, "say "+nak, "hear "+ours, "say "+nak, "hear "+ours, "say "+nak), link.ErrNotTaken, 1, "", eot},
		{
			"refused thrice, and a copy was taken", with("hear "+ours, "say "+nak, "hear "+ours, "say "+nak, "hear "+ours, "say "+nak+ack),
			link.ErrUnacknowledged, 1, "", eot,
		},
		{"silence after the frame", with("hear " + ours), link.ErrUnacknowledged, 1, "", eot},
		{"a refusal among rubbish is none", with("hear "+ours, "say \xff"+nak), link.ErrUnacknowledged, 1, "", eot},
		{
			"an acknowledgement of ENQ among rubbish is none",
			[]string{"hear " + enq, "say \xff" + ack, "hear " + eot + enq, "say " + ack, "hear " + ours, "say " + ack},
			nil, 1, "", eot,
		},
		{
			"both ask: the terminal goes first",
			[]string{"hear " + enq, "say " + enq, "hear " + ack, "say " + theirs, "hear " + ack, "say " + eot, "hear " + enq, "say " + ack, "hear " + ours, "say " + ack},
			nil, 1, "07", eot,
		},
		{
			"the terminal asks in the pause",
			[]string{"hear " + enq, "say " + nak, "hear " + eot, "say " + enq, "hear " + ack, "say " + theirs, "hear " + ack, "say " + eot, "hear " + enq, "say " + ack, "hear " + ours, "say " + ack},
			nil, 1, "07", eot,
		},
		{"the terminal asks instead of acknowledging", with("hear "+ours, "say "+enq), link.ErrUnacknowledged, 1, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			left, took := 0, ""
			beside := exchange(t, func(t *testing.T, x *link.Exchange, _ *terminal.Quality) {
				err := x.Send(t.Context(), []byte("01"), func() { left++ }, func(b []byte) error { took += string(b); return nil })
				if c.want == nil && err != nil || !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			}, c.lines...)
			if left != c.left || took != c.took || beside != c.beside {
				t.Errorf("leaving %d times, want %d; took %q, want %q; beside %q, want %q", left, c.left, took, c.took, beside, c.beside)
			}
		})
	}
}

func TestExchangeReceive(t *testing.T) {
	for _, c := range []struct {
		name   string
		lines  []string
		took   string
		beside string
	}{
		{"said", []string{"say " + enq, "hear " + ack, "say " + theirs, "hear " + ack, "say " + eot}, "07", ""},
		{"without an end", []string{"say " + enq, "hear " + ack, "say " + theirs, "hear " + ack}, "07", ""},
		{"damaged once", []string{"say " + enq, "hear " + ack, "say " + broken, "hear " + nak, "say " + theirs, "hear " + ack, "say " + eot}, "07", ""},
		{"our acknowledgement is lost", []string{"say " + enq, "hear " + ack, "say " + theirs, "hear " + ack, "say " + theirs, "hear " + ack, "say " + eot}, "07", ""},
		{"the second copy is damaged", []string{"say " + enq, "hear " + ack, "say " + theirs, "hear " + ack, "say " + broken, "hear " + nak, "say " + theirs, "hear " + ack, "say " + eot}, "07", ""},
		{"our answer to ENQ is lost", []string{"say " + enq, "hear " + ack, "pass 1s", "say " + enq, "hear " + ack, "say " + theirs, "hear " + ack, "say " + eot}, "07", ""},
		{"nothing after ENQ, then again", []string{"say " + enq, "hear " + ack, "pass 10s", "say " + enq, "hear " + ack, "say " + theirs, "hear " + ack, "say " + eot}, "07", ""},
		{"given back, then again", []string{"say " + enq, "hear " + ack, "say " + eot + enq, "hear " + ack, "say " + theirs, "hear " + ack, "say " + eot}, "07", ""},
		{"a frame without ENQ", []string{"say " + ack + theirs, "hear " + ack, "say " + eot}, "07", ""},
		{"silence", nil, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			took := ""
			beside := exchange(t, func(t *testing.T, x *link.Exchange, _ *terminal.Quality) {
				got, err := x.Receive(t.Context(), time.Now().Add(time.Minute), true, func(b []byte) error { took += string(b); return nil })
				if string(got) != c.took || (err == nil) != (c.took != "") || err != nil && !errors.Is(err, terminal.ErrSilent) {
					t.Errorf("received %q, %v", got, err)
				}
			}, c.lines...)
			if took != c.took || beside != c.beside {
				t.Errorf("took %q, want %q; beside %q, want %q", took, c.took, beside, c.beside)
			}
		})
	}
}

// What is not taken is not acknowledged.
func TestExchangeNotTaken(t *testing.T) {
	full := errors.New("the disk is full")
	for name, f := range map[string]func(*testing.T, *link.Exchange, link.Take) error{
		"receive": func(t *testing.T, x *link.Exchange, take link.Take) error {
			_, err := x.Receive(t.Context(), time.Now().Add(time.Minute), false, take)
			return err
		},
		"send": func(t *testing.T, x *link.Exchange, take link.Take) error {
			return x.Send(t.Context(), []byte("01"), func() {}, take)
		},
		"alive": func(t *testing.T, x *link.Exchange, take link.Take) error { return x.Alive(t.Context(), take) },
	} {
		t.Run(name, func(t *testing.T) {
			lines := []string{"hear " + enq, "say " + enq, "hear " + ack, "say " + theirs}
			if name == "receive" {
				lines = []string{"say " + enq, "hear " + ack, "say " + theirs}
			}
			beside := exchange(t, func(t *testing.T, x *link.Exchange, _ *terminal.Quality) {
				if err := f(t, x, func([]byte) error { return full }); !errors.Is(err, full) {
					t.Errorf("got %v", err)
				}
			}, lines...)
			if beside != "" {
				t.Errorf("the terminal heard %q", beside)
			}
		})
	}
}

// A second message that follows at once is kept for the next call, and so is what came while nobody listened.
func TestExchangeKeeps(t *testing.T) {
	const other = "\x0208\x03\x0b"
	take := func(b []byte) error { return nil }
	exchange(t, func(t *testing.T, x *link.Exchange, q *terminal.Quality) {
		for _, want := range []string{"07", "08", "07"} {
			if want == "07" {
				synctest.Wait()
				if err := x.Drain(t.Context(), 10*time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
			got, err := x.Receive(t.Context(), time.Now().Add(time.Minute), false, take)
			if err != nil || string(got) != want {
				t.Errorf("received %q, %v; want %q", got, err, want)
			}
		}
		if c := q.Counts(); c.Messages != 3 {
			t.Errorf("counted %+v", c)
		}
	}, "say "+enq, "hear "+ack, "say "+theirs, "hear "+ack, "say "+enq, "hear "+ack, "say "+other, "hear "+ack, "say "+theirs, "hear "+ack, "say "+eot)
}

func TestExchangeAlive(t *testing.T) {
	take := func([]byte) error { return nil }
	for _, c := range []struct {
		name   string
		lines  []string
		want   error
		beside string
	}{
		{"alive", []string{"hear " + enq, "say " + ack}, nil, eot},
		{"busy", []string{"hear " + enq, "say " + nak}, link.ErrNoAnswer, eot},
		{"dead", nil, link.ErrNoAnswer, enq + eot},
		{"has something to say", []string{"hear " + enq, "say " + enq, "hear " + ack, "say " + theirs, "hear " + ack, "say " + eot, "hear " + enq, "say " + ack}, nil, eot},
	} {
		t.Run(c.name, func(t *testing.T) {
			beside := exchange(t, func(t *testing.T, x *link.Exchange, _ *terminal.Quality) {
				if err := x.Alive(t.Context(), take); c.want == nil && err != nil || !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			}, c.lines...)
			if beside != c.beside {
				t.Errorf("the terminal heard %q, want %q", beside, c.beside)
			}
		})
	}
}

func TestExchangeEnds(t *testing.T) {
	take := func([]byte) error { return nil }
	exchange(t, func(t *testing.T, x *link.Exchange, _ *terminal.Quality) {
		time.AfterFunc(time.Second, x.Poke)
		if _, err := x.Receive(t.Context(), time.Now().Add(time.Minute), true, take); !errors.Is(err, terminal.ErrPoked) {
			t.Errorf("poke: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := x.Receive(ctx, time.Now().Add(time.Minute), true, take); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("context: %v", err)
		}
		left := false
		if err := x.Send(ctx, []byte("01"), func() { left = true }, take); !errors.Is(err, context.DeadlineExceeded) || left {
			t.Errorf("send after the end of its context: %v, left %t", err, left)
		}
	})
}
