package daemon

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
	"tillbridge/drivers/manual"
	"tillbridge/drivers/process"
	"tillbridge/terminal"
)

var questionID = regexp.MustCompile(`name="question" value="([0-9A-Z]+)"`)

// clerk is somebody at the counter screen of a bridge whose terminal has no connection.
type clerk struct {
	t      *testing.T
	at     string
	client *http.Client
}

// clerk signs somebody in.
func (s *shop) clerk(a Addresses) *clerk {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	password, err := os.ReadFile(filepath.Join(s.dir, "password"))
	if err != nil {
		s.t.Fatal(err)
	}
	c := &clerk{s.t, "http://" + a.Counter, &http.Client{Jar: jar, Timeout: patience}}
	c.post("/sign-in", url.Values{"name": {"Anna"}, "password": {strings.TrimSpace(string(password))}})
	return c
}

func (c *clerk) post(path string, form url.Values) string {
	c.t.Helper()
	r, err := c.client.PostForm(c.at+path, form)
	return c.page(r, err)
}

func (c *clerk) page(r *http.Response, err error) string {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }() // it was read
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %v %s", r.Status, err, b)
	}
	return string(b)
}

// says answers the next question, which is another one than last, and gives its ID.
func (c *clerk) says(last, choice, code string) string {
	c.t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); {
		r, err := c.client.Get(c.at + "/terminal/question?terminal=counter")
		m := questionID.FindStringSubmatch(c.page(r, err))
		if m == nil || m[1] == last {
			continue
		}
		c.post("/terminal/answer", url.Values{"terminal": {"counter"}, "question": {m[1]}, "choice": {choice}, "auth_code": {code}})
		return m[1]
	}
	c.t.Fatal("nobody is asked what the terminal printed")
	return ""
}

// sees waits for a text on the first page.
func (c *clerk) sees(text string) {
	c.t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); {
		r, err := c.client.Get(c.at + "/")
		if strings.Contains(c.page(r, err), text) {
			return
		}
	}
	c.t.Fatalf("the counter screen does not say %q", text)
}

func (s *shop) stored(uuid string) bridge.Payment {
	s.t.Helper()
	j, err := journal.Open(s.t.Context(), filepath.Join(s.dir, "journal.db"), journal.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			s.t.Error(err)
		}
	}()
	p, _, err := j.Payment(s.t.Context(), uuid)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// A terminal without a connection, from MGR's webhook over the counter screen to MGR, with what the journal keeps of it.
func TestManual(t *testing.T) {
	s := newShop(t)
	s.drivers = []terminal.Driver{manual.Driver()}
	s.write(strings.Replace(s.settings("counter_password_file: "+s.dir+"/password\n"), "driver: yes, port: {serial: /dev/null}", "driver: manual, port: none", 1))
	a := s.start()
	anna := s.clerk(a)
	var got standin.Notice
	paid := make(chan struct{})
	go func() {
		defer close(paid)
		got = s.pay(a, "approved")
	}()
	first := anna.says("", "charged", "65 1200")
	second := anna.says(first, "charged", "651201") // mistyped
	third := anna.says(second, "charged", "651200")
	last := anna.says(third, "charged", "651200")
	<-paid
	if got.Outcome != standin.Approved || got.AuthCode != "651200" {
		t.Errorf("MGR was told %+v", got)
	}
	paid = make(chan struct{})
	go func() {
		defer close(paid)
		got = s.pay(a, "declined")
	}()
	last = anna.says(last, "not-charged", "")
	<-paid
	if got.Outcome != standin.Denied {
		t.Errorf("MGR was told %+v", got)
	}
	// The bridge stops while the clerk stands at the terminal.
	go func() {
		_, _, _ = s.mgr.Charge(t.Context(), "http://"+a.Door+"/mgr/counter", standin.Charge{Amount: "9.99", Customer: "c", UUID: "stopped"})
	}()
	anna.says(last, "charged", "4711")
	s.end()
	s.clerk(s.start()).sees("On hold")
	s.end()
	for uuid, want := range map[string]bridge.Payment{
		"approved": {State: bridge.Reported, Proof: terminal.Person}, "declined": {State: bridge.Reported, Proof: terminal.Person}, "stopped": {State: bridge.Held},
	} {
		p := s.stored(uuid)
		if p.State != want.State || p.Proof != want.Proof || want.Proof == terminal.Person && p.Result.Person != "Anna" {
			t.Errorf("%s: %s by %s: %+v", uuid, p.State, p.Proof, p.Result)
		}
	}
}

// A driver in another language: the program of PROTOCOL.md, with the evidence that the settings declare, dead between two payments.
func TestProcess(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("python3 is not here: %v", err)
	}
	program, err := filepath.Abs("../../drivers/process/example.py")
	if err != nil {
		t.Fatal(err)
	}
	s := newShop(t)
	s.drivers = []terminal.Driver{process.Driver()}
	s.write(strings.Replace(s.settings("counter_password_file: "+s.dir+"/password\n"), "driver: yes, port: {serial: /dev/null}",
		"driver: process, options: {command: ["+python+", "+program+"], evidence: [C3], settings: {books: "+s.dir+"/books}}", 1))
	a := s.start()
	s.clerk(a).sees("Ready")
	if got := s.pay(a, "first"); got.Outcome != standin.Approved || got.AuthCode != "651200" {
		t.Errorf("MGR was told %+v", got)
	}
	s.end()
	a = s.start()
	s.clerk(a).sees("Ready")
	if got := s.pay(a, "second"); got.Outcome != standin.Approved {
		t.Errorf("MGR was told %+v", got)
	}
	s.end()
	if p := s.stored("second"); p.Evidence != terminal.C3 || p.Proof != terminal.Dialogue {
		t.Errorf("it is kept with evidence %s by %s", p.Evidence, p.Proof)
	}
	books, err := os.ReadFile(filepath.Join(s.dir, "books"))
	if err != nil || strings.Count(string(books), "\n") != 2 {
		t.Errorf("the terminal booked %q, %v", books, err)
	}
}
