package health

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/line"
)

// served is a door behind a server, with its file beside a journal.
func served(t *testing.T, tls bool) (d *Door, server *httptest.Server, journal string) {
	t.Helper()
	facts := Facts{PID: 7, Version: "v", Started: time.Unix(1e9, 0).UTC(), Terminals: []Terminal{{Name: "counter", State: Ready, Quality: terminal.LineCounts{Messages: 3}}}}
	d = NewDoor(func() Facts { return facts }, func() []Traced {
		return []Traced{{Terminal: "counter", Events: []line.Event{{Direction: line.Received, Bytes: 3, Text: "ACK"}}}}
	})
	server = httptest.NewUnstartedServer(d)
	if tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	journal = filepath.Join(t.TempDir(), "journal.db")
	if err := d.Open(journal, server.Listener.Addr(), tls); err != nil {
		t.Fatal(err)
	}
	return d, server, journal
}

func TestAsk(t *testing.T) {
	for _, tls := range []bool{false, true} {
		d, _, journal := served(t, tls)
		f, err := Ask(t.Context(), journal)
		if err != nil || f.PID != 7 || len(f.Terminals) != 1 || f.Terminals[0].State != Ready || f.Terminals[0].Quality.Messages != 3 {
			t.Errorf("TLS %v: %+v, %v", tls, f, err)
		}
		all, err := AskTrace(t.Context(), journal)
		if err != nil || len(all) != 1 || len(all[0].Events) != 1 || all[0].Events[0].Direction != line.Received || all[0].Events[0].Text != "ACK" {
			t.Errorf("TLS %v: %+v, %v", tls, all, err)
		}
		if err := ask(t.Context(), journal, "secrets", &f); !errors.Is(err, ErrSilent) {
			t.Errorf("what is not told: %v", err)
		}
		info, err := os.Stat(FileName(journal))
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("the file: %v, %v", info, err)
		}
		if err := errors.Join(d.Close(), d.Close()); err != nil {
			t.Error(err)
		}
		if _, err := Ask(t.Context(), journal); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after the end: %v", err)
		}
	}
}

// Whoever does not know the key gets nothing, whatever he saw pass.
func TestDoorOfAStranger(t *testing.T) {
	d, server, _ := served(t, false)
	nonce := strings.Repeat("ab", 32)
	proof := func(key []byte, kind, what, nonce string) string {
		return hex.EncodeToString(prove(key, kind, what, nonce, nil))
	}
	good := proof(d.key, "ask", "trace", nonce)
	for name, c := range map[string]struct {
		method, what, nonce, proof string
		status                     int
	}{
		"the right one":         {"GET", "trace", nonce, good, 200},
		"nothing":               {"GET", "trace", "", "", 403},
		"no proof":              {"GET", "trace", nonce, "", 403},
		"an empty key's":        {"GET", "trace", nonce, proof(nil, "ask", "trace", nonce), 403},
		"of another question":   {"GET", "trace", nonce, proof(d.key, "ask", "health", nonce), 403},
		"of another nonce":      {"GET", "trace", nonce + "ab", good, 403},
		"of a short nonce":      {"GET", "trace", "ab", proof(d.key, "ask", "trace", "ab"), 403},
		"an answer's":           {"GET", "trace", nonce, proof(d.key, "answer", "trace", nonce), 403},
		"half of it":            {"GET", "trace", nonce, good[:32], 403},
		"to write":              {"POST", "trace", nonce, good, 405},
		"of what is not there":  {"GET", "x", nonce, proof(d.key, "ask", "x", nonce), 404},
		"of something below":    {"GET", "trace/x", nonce, good, 403},
		"with words for digits": {"GET", "trace", nonce, "no hex", 403},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+Prefix+c.what, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(nonceField, c.nonce)
		r.Header.Set(proofField, c.proof)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != c.status || c.status != 200 && strings.Contains(string(b), "counter\"") {
			t.Errorf("%s: %d %s, %v", name, res.StatusCode, b, err)
		}
		if strings.Contains(string(b)+strings.Join(res.Header.Values(proofField), ""), hex.EncodeToString(d.key)) {
			t.Errorf("%s: the key is told", name)
		}
	}
}

// Something that took the port of a bridge that has ended learns no key, and is not believed.
func TestAskAStranger(t *testing.T) {
	d, server, journal := served(t, false)
	server.Close()
	if _, err := Ask(t.Context(), journal); !errors.Is(err, ErrSilent) {
		t.Errorf("nobody there: %v", err)
	}
	heard := ""
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			heard += name + strings.Join(values, "")
		}
		w.Header().Set(proofField, r.Header.Get(proofField)) // what it has
		_, _ = io.WriteString(w, `{"pid": 7, "terminals": []}`)
	}))
	defer thief.Close()
	if err := d.Open(journal, thief.Listener.Addr(), false); err != nil {
		t.Fatal(err)
	}
	if f, err := Ask(t.Context(), journal); !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), "something else") {
		t.Errorf("a thief is believed: %+v, %v", f, err)
	}
	if strings.Contains(heard, Key(journal)) || Key(journal) == "" || heard == "" {
		t.Error("the key was sent")
	}
}

func TestFileOfAnotherBridgeStays(t *testing.T) {
	d, server, journal := served(t, false)
	second := NewDoor(func() Facts { return Facts{} }, nil)
	if err := second.Open(journal, server.Listener.Addr(), false); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(FileName(journal)); err != nil {
		t.Errorf("the other bridge's file: %v", err)
	}
	if err := os.WriteFile(FileName(journal), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(t.Context(), journal); !errors.Is(err, ErrSilent) {
		t.Errorf("half a file: %v", err)
	}
	if err := d.Open(filepath.Join(journal, "below"), server.Listener.Addr(), false); err == nil {
		t.Error("a file below a file was made")
	}
}

func TestDialable(t *testing.T) {
	for from, want := range map[string]string{"127.0.0.1:1": "127.0.0.1:1", "0.0.0.0:2": "127.0.0.1:2", "[::]:3": "[::1]:3", "192.168.1.5:4": "192.168.1.5:4"} {
		if got := dialable(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))); got != want {
			t.Errorf("%s: %s, want %s", from, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for want, c := range map[string]terminal.LineCounts{
		"unused, nothing has come yet": {Opened: 1},
		"clean, 1 message came":        {Messages: 1},
		"good, 900 messages came; 1 damaged message came, 2 were sent again":                                                  {Messages: 900, BadChecks: 1, SentAgain: 2, RecentTrouble: 3, Recent: 200},
		"noisy: 12 of the last 40 messages were in trouble. 40 messages came in all; 1 was refused as damaged, 11 came again": {Messages: 40, Refused: 1, CameAgain: 11, RecentTrouble: 12, Recent: 40},
	} {
		if got := LineWords(c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := AnswerWords(terminal.LineCounts{Answer: 300 * time.Microsecond, Slowest: 2400 * time.Millisecond}); got != "answers in under 1 ms, at the slowest 2.4 s" {
		t.Errorf("%q", got)
	}
	if got := AnswerWords(terminal.LineCounts{}) + ReopenedWords(terminal.LineCounts{Opened: 1}); got != "" {
		t.Errorf("%q", got)
	}
	if got := ReopenedWords(terminal.LineCounts{Opened: 2}); got != "opened again 1 time" {
		t.Errorf("%q", got)
	}
}
