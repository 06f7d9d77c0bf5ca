package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
)

// script is a program made of a function: it gets each line that it hears, and what it returns is said. It ends where it
// returns false, and where there is no more to hear.
type script func(n int, line string) (said string, goes bool)

// programs starts scripts one after another, the last one again and again.
func programs(all ...script) (spawner, *int) {
	started := 0
	return func(*Options, terminal.Env) (io.Reader, io.WriteCloser, func(), error) {
		one := all[min(started, len(all)-1)]
		started++
		if one == nil {
			return nil, nil, nil, errors.New("there is no such file")
		}
		hear, in := io.Pipe()
		said, say := io.Pipe()
		go func() {
			defer func() { _ = say.Close(); _ = hear.Close() }()
			lines := bufio.NewReader(hear)
			for n := 0; ; n++ {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				text, goes := one(n, line)
				if _, err := io.WriteString(say, text); err != nil || !goes {
					return
				}
			}
		}()
		return said, in, func() { _ = said.Close(); _ = hear.Close() }, nil
	}, &started
}

const hello = `{"type":"hello","version":1,"name":"x","evidence":["C2","C3"],"abilities":["mark","dance"],"terminal_id":"7","new":{}}` + "\n"

func options() *Options {
	o := NewOptions()
	o.Command, o.Declared = []string{"x"}, []string{"C3"}
	return o
}

func env() terminal.Env {
	return terminal.Env{Currency: terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}, Log: slog.New(slog.DiscardHandler)}
}

// says greets, and answers every request with the same.
func says(text string) script {
	return func(n int, _ string) (string, bool) {
		if n == 0 {
			return hello, true
		}
		return text, true
	}
}

func TestHandshake(t *testing.T) {
	for name, c := range map[string]struct {
		said string
		want string // in the error; empty for none
	}{
		"well":                  {hello, ""},
		"another version":       {strings.Replace(hello, `"version":1`, `"version":2`, 1), "version 2"},
		"less evidence":         {strings.Replace(hello, `"C2","C3"`, `"C2"`, 1), "the program has C2 only"},
		"no such evidence":      {strings.Replace(hello, `"C3"`, `"C9"`, 1), "C9"},
		"not reached":           {`{"type":"error","text":"the terminal is off"}` + "\n", "the terminal is off"},
		"without a reason":      {`{"type":"error"}` + "\n", "gives no reason"},
		"something else":        {`{"type":"result","id":1}` + "\n", "before it has greeted"},
		"no JSON":               {"hello\n", "no message"},
		"half a line":           {"hello", ""},
		"a line without an end": {strings.Repeat("x", lineMost+1), "longer than"},
		"nothing":               {"", "does not greet"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spawn, _ := programs(func(int, string) (string, bool) { return c.said, name != "half a line" })
				s, err := open(t.Context(), env(), options(), spawn)
				if c.want == "" && name == "well" {
					if err != nil || s.(terminal.Identifier).TerminalID() != "7" {
						t.Fatal(err)
					}
					if _, can := s.(terminal.Canceller); can {
						t.Error("it can cancel")
					}
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				} else if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v", err)
				}
			})
		})
	}
	spawn, _ := programs(nil)
	if _, err := open(t.Context(), env(), options(), spawn); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

const approved = `{"outcome":"approved","proof":"dialogue","auth_code":"1","last4":"4111111111111111","raw":"00"}`

func TestPay(t *testing.T) {
	result := func(body string) string { return `{"type":"result","id":1,"result":` + body + "}\n" }
	for name, c := range map[string]struct {
		said    string
		want    terminal.Outcome
		fails   bool
		notSent bool
	}{
		"approved":               {result(approved), terminal.Approved, false, false},
		"unknown":                {result(`{"outcome":"unknown"}`), terminal.Unknown, false, false},
		"another request's":      {strings.Replace(result(approved), `"id":1`, `"id":0`, 1) + result(`{"outcome":"declined","proof":"refused"}`), terminal.Declined, false, false},
		"a word that is none":    {result(`{"outcome":"APPROVED"}`), terminal.Unknown, true, false},
		"a float":                {result(`{"outcome":"approved","proof":"dialogue","captured":12.5}`), terminal.Unknown, true, false},
		"a person":               {result(`{"outcome":"approved","proof":"person","person":"Anna","auth_code":"1"}`), terminal.Unknown, true, false},
		"a person, to record":    {`{"type":"seen","id":1,"result":{"outcome":"approved","proof":"person"}}` + "\n", terminal.Unknown, true, false},
		"no result":              {`{"type":"result","id":1}` + "\n", terminal.Unknown, true, false},
		"an error":               {`{"type":"error","id":1,"text":"broken"}` + "\n", terminal.Unknown, true, false},
		"nothing was sent":       {`{"type":"error","id":1,"text":"off","not_sent":true}` + "\n", terminal.Unknown, true, true},
		"what is not known":      {`{"type":"dance","id":1}` + "\n", terminal.Unknown, true, false},
		"no JSON":                {"approved\n", terminal.Unknown, true, false},
		"a longer line":          {`{"text":"` + strings.Repeat("x", lineMost) + `"}` + "\n" + result(approved), terminal.Unknown, true, false},
		"records without an end": {`{"type":"seen","id":1,"result":` + approved + "}\n", terminal.Unknown, true, false},
		"talks without an end":   {strings.Repeat(`{"type":"progress","id":1}`+"\n", talkMost+2) + result(approved), terminal.Unknown, true, false},
		"nothing for too long":   {"", terminal.Unknown, true, false},
		"on the way": {
			`{"type":"progress","id":1,"stage":"somewhere","text":"` + strings.Repeat("x", 5000) + `"}` + "\n" + `{"type":"receipt","id":1,"receipt":{"kind":"customer","lines":[{"t":"x"}]}}` + "\n" + result(approved),
			terminal.Approved, false, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spawn, started := programs(says(c.said))
				s, err := open(t.Context(), env(), options(), spawn)
				if err != nil {
					t.Fatal(err)
				}
				lent := &drivertest.Book{}
				r, err := s.Pay(t.Context(), terminal.Request{Reference: "TB00000001"}, lent)
				if r.Outcome != c.want || (err != nil) != c.fails || errors.Is(err, terminal.ErrNotSent) != c.notSent || *started != 1 || len(lent.Results) > recordsMost || len(lent.Results) > 0 && name != "records without an end" {
					t.Errorf("%+v, %v, started %d times", r, err, *started)
				}
				if len(r.CardLast4) > 4 {
					t.Errorf("%+v", r)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A result is acknowledged only once it is recorded: the program hears whether it was.
func TestSeen(t *testing.T) {
	for _, fail := range []error{nil, errors.New("the disk is full")} {
		synctest.Test(t, func(t *testing.T) {
			var heard []string
			spawn, _ := programs(func(n int, line string) (string, bool) {
				heard = append(heard, line)
				switch n {
				case 0:
					return hello, true
				case 1:
					return `{"type":"seen","id":1,"result":` + approved + "}\n", true
				}
				return `{"type":"result","id":1,"result":` + approved + "}\n", true
			})
			s, err := open(t.Context(), env(), options(), spawn)
			if err != nil {
				t.Fatal(err)
			}
			lent := &drivertest.Book{SeenFails: fail, MarkFails: fail}
			if _, err := s.Pay(t.Context(), terminal.Request{}, lent); err != nil || len(lent.Results) != 1 {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if ok := strings.Contains(heard[2], `"ok":true`); ok != (fail == nil) || fail != nil && !strings.Contains(heard[2], fail.Error()) {
				t.Errorf("it heard %s", heard[2])
			}
		})
	}
}

// A program that dies in a payment leaves it unknown, and is not started for it again; the question starts it, once, not at once.
func TestDeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spawn, started := programs(
			func(n int, _ string) (string, bool) { return []string{hello, ""}[n], n == 0 },
			says(`{"type":"result","id":2,"result":{"outcome":"declined","proof":"not-found"}}`+"\n"),
		)
		s, err := open(t.Context(), env(), options(), spawn)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Pay(t.Context(), terminal.Request{}, &drivertest.Book{})
		if err == nil || errors.Is(err, terminal.ErrNotSent) || r.Outcome != terminal.Unknown || *started != 1 {
			t.Fatalf("%+v, %v, started %d times", r, err, *started)
		}
		begun := time.Now()
		r, err = s.Recover(t.Context(), terminal.Attempt{})
		if err != nil || r.Proof != terminal.NotFound || *started != 2 || time.Since(begun) < time.Second/2 {
			t.Errorf("%+v, %v, started %d times after %s", r, err, *started, time.Since(begun))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := s.Recover(t.Context(), terminal.Attempt{}); err == nil || *started != 2 {
			t.Error("a closed session starts its program")
		}
	})
}

// A program that does not heed the end of its input is killed in time.
func TestDeafProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said, say := io.Pipe()
		hear, in := io.Pipe()
		go func() { _, _ = io.WriteString(say, hello) }()
		go func() { _, _ = bufio.NewReader(hear).ReadString('\n') }()
		killed := false
		spawn := func(*Options, terminal.Env) (io.Reader, io.WriteCloser, func(), error) {
			return said, in, func() { killed = true; _ = say.Close(); _ = hear.Close() }, nil
		}
		s, err := open(t.Context(), env(), options(), spawn)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := s.Pay(ctx, terminal.Request{}, &drivertest.Book{}); err == nil || errors.Is(err, terminal.ErrNotSent) {
			t.Error(err)
		}
		if took := time.Since(begun); !killed || took > 15*time.Second {
			t.Errorf("killed %t after %s", killed, took)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestOptions(t *testing.T) {
	o := options()
	if err := o.Validate(); err != nil || o.Evidence() != terminal.C3 || Driver().With(o).Evidence != terminal.C3 {
		t.Error(err, o.Evidence())
	}
	for want, change := range map[string]func(*Options){
		"command: name":    func(o *Options) { o.Command = nil },
		"command: write":   func(o *Options) { o.Command[0] = "./x" },
		"evidence: ":       func(o *Options) { o.Declared = nil },
		"start_timeout: ":  func(o *Options) { o.StartTimeout = time.Hour },
		"payment_timeout:": func(o *Options) { o.PaymentTimeout = 1 },
	} {
		o := options()
		change(o)
		if err := o.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, word := range []string{"C5", "c2", "0C", "C", "", "C0C1"} {
		if _, err := evidence([]string{word}); err == nil {
			t.Errorf("%q is a class", word)
		}
	}
	all := terminal.C0 | terminal.C2 | terminal.C4
	if e, err := evidence(evidenceWords(all)); err != nil || e != all {
		t.Error(e, err)
	}
}

// FuzzProgram lets a program say anything. Nothing is approved that it does not say, and nothing was unsent that it does not say.
func FuzzProgram(f *testing.F) {
	f.Add([]byte(`{"type":"result","id":1,"result":` + approved + "}\n"))
	f.Add([]byte(`{"type":"seen","id":1,"result":` + approved + "}\n" + `{"type":"error","id":1,"not_sent":true}` + "\n"))
	f.Add([]byte("{}\n[]\nnull\n\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		synctest.Test(t, func(t *testing.T) {
			spawn, _ := programs(says(string(said)))
			s, err := open(t.Context(), env(), options(), spawn)
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.Pay(t.Context(), terminal.Request{}, &drivertest.Book{})
			low := strings.ToLower(string(said))
			if r.Outcome == terminal.Approved && !strings.Contains(string(said), "approved") || errors.Is(err, terminal.ErrNotSent) && !strings.Contains(low, "not_sent") {
				t.Errorf("%q is %+v, %v", said, r, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	})
}

// TestPaper reads every line of PROTOCOL.md as a message: the paper has no member that the code does not know.
func TestPaper(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		way, body, ok := strings.Cut(strings.TrimSpace(line), " ")
		if way != ">" && way != "<" || !ok {
			continue
		}
		body = strings.NewReplacer(`{…}`, `{}`, `"…"`, `"2026-03-01T12:00:00Z"`).Replace(body)
		d := json.NewDecoder(strings.NewReader(body))
		d.DisallowUnknownFields()
		var m message
		if err := d.Decode(&m); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		types[m.Type] = true
	}
	for _, known := range []string{
		typeHello, typePay, typeRecover, typeReadMark, typeCancel, typeSeen, typeMark, typeProgress, typeReceipt, typeResult, typeError,
	} {
		if !types[known] && known != typeMark {
			t.Errorf("the paper shows no %q", known)
		}
	}
	if !strings.Contains(string(text), `{"type":"mark"`) {
		t.Error(`the paper shows no "mark"`)
	}
}
