package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/config"
	"tillbridge/bridge/health"
	"tillbridge/bridge/journal"
	"tillbridge/terminal"
	"tillbridge/terminal/line"
)

// The world is a shop in which all is well; each test changes one thing.
type world struct {
	t        *testing.T
	os       string
	settings string
	shop     *Shop // nil: made of settings
	now      time.Time

	files     map[string]File
	contents  map[string]string
	commands  map[string]string // output by command line
	codes     map[string]int
	holder    Process // of the journal; none with PID 0
	journal   *fakeJournal
	openErr   error // of the journal
	disk      Disk
	ports     []line.PortInfo
	probe     func(config.Terminal) (Probed, error)
	probed    int
	listeners []Listener
	facts     health.Facts // of the running bridge
	factsErr  error

	resolve func(host string) ([]string, error)
	dialErr error
	issuer  *authority // of MGR's certificate
	trusted *authority // nil for the issuer
	names   []string   // of MGR's certificate
	from    time.Time
	until   time.Time
	date    time.Duration // MGR's clock against ours
	answer  http.HandlerFunc
	counter http.Handler // the counter screen's answer
	proxy   *url.URL
}

const goodPasscode = "kV7/zQ2m+Rb9xT4cLw8pYd3fHs6jNg1A"

const wellSettings = `
journal: /var/lib/tillbridge/journal.db
mgr:
  passcode_file: /etc/tillbridge/passcode
  notify_url: https://mgr.example/notify
terminals:
  till:
    driver: toy
    port: {usb: "0b00:0054"}
    currency: EUR
`

const systemdShow = "systemctl show tillbridge.service --property=LoadState,ActiveState,SubState,UnitFileState,MainPID,NRestarts"

const systemdWell = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=812\nNRestarts=0\n"

// newWorld is a Linux till on which the service runs; with stopped it does not.
func newWorld(t *testing.T) *world {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	closed := File{Mode: 0o640, Owner: "root", Group: "tillbridge"}
	w := &world{
		t: t, os: "linux", settings: wellSettings, now: now,
		files: map[string]File{
			"/etc/tillbridge/config.yaml": closed, "/etc/tillbridge/passcode": closed,
			"/var/lib/tillbridge": {Mode: fs.ModeDir | 0o700}, "/var/lib/tillbridge/journal.db": {Mode: 0o600, Owner: "tillbridge", Group: "tillbridge"},
			"/usr/bin/chromium": {Mode: 0o755},
		},
		contents: map[string]string{
			"/sys/bus/usb/devices/1-1.4/power/control":     "on\n",
			"/etc/chromium/policies/managed/a.json":        `{"LocalNetworkAccessAllowedForUrls": ["https://www.mygadgetrepairs.com"]}`,
			"/etc/chromium/policies/managed/nonsense.json": `{`,
		},
		commands: map[string]string{
			systemdShow: systemdWell, "systemctl is-enabled suspend.target": "masked\n",
		},
		codes:  map[string]int{"systemctl is-enabled suspend.target": 1},
		holder: Process{812, "tillbridge"}, journal: &fakeJournal{}, disk: Disk{FreeBytes: 50 << 30},
		ports: []line.PortInfo{{
			Name: "/dev/ttyACM0", USB: "0b00:0054", SerialNumber: "4711", Product: "Desk/3500", USBPath: "1-1.4:1.0",
			Use: line.Held, HolderPID: 812, Holder: "tillbridge", Access: line.Allowed,
		}},
		listeners: []Listener{
			{netip.MustParseAddrPort("127.0.0.1:8473"), Process{812, "tillbridge"}}, {netip.MustParseAddrPort("127.0.0.1:8474"), Process{812, "tillbridge"}},
		},
		facts: health.Facts{PID: 812, Terminals: []health.Terminal{{
			Name: "till", State: health.Ready, Since: now.Add(-time.Hour), Quality: terminal.LineCounts{Opened: 1, Messages: 40, Recent: 40},
		}}},
		resolve: func(string) ([]string, error) { return []string{"192.0.2.1"}, nil },
		issuer:  newAuthority(t), names: []string{"mgr.example"}, from: now.Add(-24 * time.Hour), until: now.Add(90 * 24 * time.Hour),
		answer: func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodOptions || r.Header.Get("X-MGR-PASSCODE") != "" {
				t.Errorf("MGR was asked by %s with %v", r.Method, r.Header)
			}
			w.Header().Set("Allow", "POST")
			w.WriteHeader(http.StatusMethodNotAllowed)
		},
		counter: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "frame-ancestors 'none'")
		}),
	}
	w.probe = func(config.Terminal) (Probed, error) {
		return Probed{Supported: true, Health: terminal.Health{Ready: true, TerminalID: "52500001"}, Line: LineCount{Sent: 2, Received: 2}}, nil
	}
	return w
}

// stopped stops the bridge without a fault of it: the system does not know services.
func (w *world) stopped() {
	w.holder, w.listeners = Process{}, nil
	w.commands[systemdShow] = "System has not been booted with systemd\n"
	w.ports[0].Use, w.ports[0].HolderPID, w.ports[0].Holder = line.Free, 0, ""
}

// windows makes it a Windows till.
func (w *world) windows() {
	w.os = "windows"
	w.settings = strings.NewReplacer("/var/lib/tillbridge/", `C:\Tillbridge\`, "/etc/tillbridge/", `C:\Tillbridge\`).Replace(wellSettings)
	w.ports[0].USBPath = ""
	w.commands = map[string]string{
		"sc.exe query tillbridge": scRunning, "sc.exe qc tillbridge": scConfig,
		"netsh interface ipv4 show excludedportrange protocol=tcp":                         netshGerman,
		"powercfg /query SCHEME_CURRENT " + subUSB + " " + selectiveOnOff:                  powercfgOff,
		"powercfg /query SCHEME_CURRENT SUB_SLEEP STANDBYIDLE":                             powercfgOff,
		"powercfg /query SCHEME_CURRENT SUB_SLEEP HIBERNATEIDLE":                           powercfgOff,
		`reg query HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\msedge.exe`:    "found",
		`reg query HKLM\SOFTWARE\Policies\Microsoft\Edge\LocalNetworkAccessAllowedForUrls`: "\r\nHKEY_LOCAL_MACHINE\\…\r\n    1    REG_SZ    https://[*.]mygadgetrepairs.com\r\n",
	}
	w.codes = map[string]int{}
}

// fakeJournal is a journal of made-up content.
type fakeJournal struct {
	problems  []journal.Problem
	verifyErr error
	unsettled []bridge.Payment
	due       []journal.Notice
	owed      int
	alarms    []journal.Alarm
}

func (j *fakeJournal) Verify(context.Context) ([]journal.Problem, error) {
	return j.problems, j.verifyErr
}

func (j *fakeJournal) Unsettled(context.Context) ([]bridge.Payment, error) { return j.unsettled, nil }
func (j *fakeJournal) Owed(context.Context) (int, error)                   { return j.owed, nil }
func (j *fakeJournal) Alarms(context.Context) ([]journal.Alarm, error)     { return j.alarms, nil }
func (j *fakeJournal) Close() error                                        { return nil }
func (j *fakeJournal) Due(context.Context, time.Time, int) ([]journal.Notice, error) {
	return j.due, nil
}

// authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &key.PublicKey, key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) sign(t *testing.T, from, until time.Time, names ...string) tls.Certificate {
	t.Helper()
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

// examine examines the world as it is now.
func (w *world) examine() []Finding {
	w.t.Helper()
	return Examine(w.t.Context(), w.theShop(), w.system(), Checks())
}

func (w *world) file() string {
	if w.os == "windows" {
		return `C:\Tillbridge\config.yaml`
	}
	return "/etc/tillbridge/config.yaml"
}

func (w *world) theShop() Shop {
	if w.shop != nil {
		return *w.shop
	}
	toy := []terminal.Driver{{Name: "toy", Title: "Toy", Line: terminal.LineDefaults{Baud: 9600, TCPPort: 20007}}}
	env := config.Env{OS: w.os, LookupEnv: func(string) (string, bool) { return "", false }, ReadFile: func(name string, _ int64) ([]byte, fs.FileMode, error) {
		if strings.HasSuffix(name, "config.yaml") && w.settings != "" {
			return []byte(w.settings), 0o640, nil
		}
		if strings.HasSuffix(name, "passcode") {
			return []byte(goodPasscode + "\n"), 0o640, nil
		}
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}}
	s := Shop{File: w.file(), Line: lineOf, Drivers: toy}
	s.Settings, s.Wrong = config.Load(s.File, toy, env)
	if s.Wrong != nil {
		s.Settings = config.Rescue(s.File, env)
	}
	return s
}

func (w *world) system() System {
	w.t.Helper()
	absent := func(p string) error { return &fs.PathError{Op: "stat", Path: p, Err: fs.ErrNotExist} }
	return System{
		OS: w.os, Now: func() time.Time { return w.now },
		Stat: func(p string) (File, error) {
			f, ok := w.files[p]
			if !ok {
				return f, absent(p)
			}
			return f, nil
		},
		ReadFile: func(p string, _ int64) ([]byte, error) {
			text, ok := w.contents[p]
			if !ok {
				return nil, absent(p)
			}
			return []byte(text), nil
		},
		Glob: func(pattern string) (found []string, err error) {
			for p := range w.contents {
				if ok, _ := path.Match(pattern, p); ok {
					found = append(found, p)
				}
			}
			return found, nil
		},
		Run: func(_ context.Context, name string, args ...string) (string, int, error) {
			key := strings.Join(append([]string{name}, args...), " ")
			out, ok := w.commands[key]
			if !ok && (name == "reg" || w.os != "windows" && name == "systemctl") {
				return "not found", 1, nil
			}
			if !ok {
				return "", 0, fmt.Errorf("%s: not found", name)
			}
			return out, w.codes[key], nil
		},
		JournalHolder: func(string) (Process, bool, error) { return w.holder, w.holder.PID != 0, nil },
		OpenJournal: func(string) (Journal, error) {
			if w.openErr != nil {
				return nil, w.openErr
			}
			return w.journal, nil
		},
		Disk:      func(string) (Disk, error) { return w.disk, nil },
		Facts:     func(context.Context, string) (health.Facts, error) { return w.facts, w.factsErr },
		Ports:     func(context.Context) ([]line.PortInfo, error) { return w.ports, nil },
		Look:      func(name string) (line.PortInfo, error) { return line.PortInfo{}, absent(name) },
		Probe:     func(_ context.Context, t config.Terminal) (Probed, error) { w.probed++; return w.probe(t) },
		Listeners: func(context.Context, ...uint16) ([]Listener, error) { return w.listeners, nil },
		Addresses: func() ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.168.1.20")}, nil
		},
		Web: w.web(),
	}
}

// web leads to MGR and the counter screen, both in this process.
func (w *world) web() Web {
	roots := x509.NewCertPool()
	if w.trusted == nil {
		w.trusted = w.issuer
	}
	roots.AddCert(w.trusted.cert)
	mgr := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Date", w.now.Add(w.date).UTC().Format(http.TimeFormat))
		w.answer(rw, r)
	}))
	mgr.TLS = &tls.Config{Certificates: []tls.Certificate{w.issuer.sign(w.t, w.from, w.until, w.names...)}}
	mgr.Config.ErrorLog = log.New(io.Discard, "", 0)
	mgr.StartTLS()
	w.t.Cleanup(mgr.Close)
	counter := httptest.NewServer(w.counter)
	w.t.Cleanup(counter.Close)
	return Web{
		Resolve: func(_ context.Context, host string) ([]string, error) { return w.resolve(host) }, Roots: roots,
		Proxy: func(*http.Request) (*url.URL, error) { return w.proxy, nil },
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			to := mgr.Listener.Addr().String()
			switch {
			case address == "127.0.0.1:8474":
				to = counter.Listener.Addr().String()
			case address != "mgr.example:443":
				return nil, errors.New("nobody is at " + address)
			case w.dialErr != nil:
				return nil, &net.OpError{Op: "dial", Net: network, Err: w.dialErr}
			}
			return (&net.Dialer{}).DialContext(ctx, network, to)
		},
	}
}

// lineOf is the line of the settings, as bridge/daemon makes it.
func lineOf(p config.Port) line.Config {
	return line.Config{
		Serial: p.Serial, USB: p.USB, SerialNumber: p.SerialNumber, USBPath: p.USBPath, TCP: p.TCP,
		Baud: p.Baud, DataBits: p.DataBits, Parity: p.Parity, StopBits: p.StopBits,
	}
}
