package config

import (
	"log/slog"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// The defaults of the settings that have one.
const (
	DefaultListen     = "127.0.0.1:8473"
	DefaultCounter    = "127.0.0.1:8474"
	DefaultNotifyURL  = "https://www.mygadgetrepairs.com/external/payments/custom/notify"
	DefaultOrigin     = "https://www.mygadgetrepairs.com"
	DefaultQueueLimit = 60 * time.Second
)

// Settings are the whole file, checked, with every default filled in. They are read only.
type Settings struct {
	File    string // where they were read
	Listen  string // MGR's door, host:port; port 0 is any free one
	Counter string // the counter screen, host:port; port 0 is any free one
	Journal string // path of the journal

	MGR       MGR
	Alarms    *Alarms    // who is told of alarms; nil for nobody, and then they stand on the counter screen alone
	Terminals []Terminal // in the order of the file, at least one, no name twice

	// TLS is what both doors are served with; nil for plain HTTP.
	TLS *TLS
	// InsecureLAN allows plain HTTP on addresses that other machines can reach. See Exposed.
	InsecureLAN bool
	// AllowedHosts are names, beside the loopback ones and the doors' own addresses, by which browsers and MGR
	// may call us: lower case, without port.
	AllowedHosts []string
	// QueueLimit is how long an accepted payment may wait for its start.
	QueueLimit time.Duration
	// CounterPasswordFile holds the counter screen's password. It need not exist yet.
	CounterPasswordFile string
	// OwnerPasswordFile holds the password with which the screen opens to the owner. It lies beside the other, and need not exist yet.
	OwnerPasswordFile string
	// APITokenFile holds the token that opens what the API reads. It lies beside the journal, and need not exist yet.
	APITokenFile string
	LogLevel     slog.Level

	// Warnings are what is allowed and yet unwise, in the order of their places.
	Warnings []*Error
}

// MGR is how MyGadgetRepairs reaches us and we it.
type MGR struct {
	Passcode     Secret
	PasscodeFrom string     // where the passcode came from, for people
	BasicAuth    *BasicAuth // nil where MGR sends none
	NotifyURL    string     // https, or http on the loopback
	// AllowedOrigins are the web origins that may call MGR's door from a browser, to be compared exactly.
	AllowedOrigins []string
}

// BasicAuth is what MGR sends as HTTP Basic authentication.
type BasicAuth struct {
	Username string
	Password Secret
}

// Alarms is who is told of alarms, by at least one of the ways.
type Alarms struct {
	Shop    string        // how the messages name this till; empty for the computer's name
	Webhook *AlarmWebhook // nil where it is not used
	Email   *AlarmEmail   // nil where it is not used
}

// AlarmWebhook is a web address that alarms are posted to.
type AlarmWebhook struct {
	URL   Secret // https, or http on the loopback; whoever knows it may post to it
	Token Secret // sent as a bearer token; empty for none
}

// AlarmEmail is how alarms are sent by e-mail.
type AlarmEmail struct {
	SMTP     string // the mail server, host:port
	TLS      MailTLS
	From     string   // a bare address, printable ASCII
	To       []string // 1 to 10 such
	Username string   // empty for no sign-in; then Password is empty too
	Password Secret
}

// MailTLS is how the connection to a mail server is encrypted.
type MailTLS string

// The ways of it.
const (
	StartTLS    MailTLS = "starttls" // after a greeting in the clear, before anything is said; port 587
	ImplicitTLS MailTLS = "implicit" // from the first byte; port 465
	NoTLS       MailTLS = "none"     // to the loopback only, and without a password
)

// TLS are the paths of a certificate chain and its key, PEM. The pair was readable and fitted when the settings
// were read.
type TLS struct{ Cert, Key string }

// AmountUnit is what MGR's amount counts.
type AmountUnit uint8

// The units of an amount.
const (
	Major AmountUnit = iota // 12.50 is twelve euros and fifty cents
	Minor                   // 1250 is
)

func (u AmountUnit) String() string {
	if u == Minor {
		return "minor"
	}
	return "major"
}

// Terminal is one card terminal.
type Terminal struct {
	Name       string // 1 to 32 of a-z, 0-9 and hyphen
	Driver     string // name of one of the drivers given to Load
	Port       Port   // zero where the driver uses no line
	Currency   terminal.Currency
	AmountUnit AmountUnit
	// MaxAmount is the largest payment that the shop allows; Minor is 0 where it set no limit.
	MaxAmount terminal.Amount
	// DayEnd is when the terminal's end of day runs by itself; nil for never.
	DayEnd *bridge.ClockTime
	// Look tells the clerk how this very model shows its last payment, where the shop wrote it down; empty where it did not.
	Look string
	// Options is what the driver's Options function returned, with the file's values in it; nil where the
	// driver has none. It may hold secrets, so that it is in no JSON.
	Options any `json:"-"`
}

// Port is the line to a terminal: a serial port by its name, one by its USB device, or a TCP address.
type Port struct {
	Serial       string // name of the serial port, "COM3" or "/dev/ttyUSB0"
	USB          string // vendor and product of a USB device, "0b00:0054", lower case; then Serial is empty
	SerialNumber string // of the USB device; empty where it does not matter
	USBPath      string // where it is plugged in, "1-1.4" or "1-1.4:1.0"; empty where it does not matter; Linux only
	TCP          string // host:port
	Listen       bool   // the terminal dials the till: TCP is an address of this computer
	Allow        string // the terminal's address, the only one let in then; empty for any in a private network
	Baud         int    // not for tcp, as the rest; from here on the driver's defaults are filled in
	DataBits     int
	Parity       string // "none", "even" or "odd"
	StopBits     string // "1", "1.5" or "2"
}

func (p Port) String() string {
	switch {
	case p.Serial != "":
		return "serial " + p.Serial
	case p.USB != "" && p.SerialNumber != "":
		return "USB " + p.USB + " serial number " + p.SerialNumber
	case p.USB != "" && p.USBPath != "":
		return "USB " + p.USB + " at " + p.USBPath
	case p.USB != "":
		return "USB " + p.USB
	case p.TCP != "" && p.Listen:
		return "tcp listening on " + p.TCP
	case p.TCP != "":
		return "tcp " + p.TCP
	}
	return "no line"
}

// overlaps tells whether one line could be both, so that two terminals would be looked for in it.
func (p Port) overlaps(q Port) bool {
	switch {
	case p.Listen && q.Listen:
		host, port, _ := splitHostPort(p.TCP)
		other, same, _ := splitHostPort(q.TCP)
		return port == same && (host == other || wildcard(host) || wildcard(other))
	case p.USB == "" || q.USB == "":
		return p.String() == q.String()
	case p.USB != q.USB:
		return false
	case p.SerialNumber != "" && q.SerialNumber != "":
		return strings.EqualFold(p.SerialNumber, q.SerialNumber)
	case p.USBPath != "" && q.USBPath != "":
		return p.USBPath == q.USBPath || strings.HasPrefix(p.USBPath, q.USBPath+":") || strings.HasPrefix(q.USBPath, p.USBPath+":")
	}
	// A serial number beside a place may be another device, if the shop says so. Without either, any will do.
	return p.SerialNumber+p.USBPath == "" || q.SerialNumber+q.USBPath == ""
}

// wildcard tells whether a host stands for all addresses of the computer.
func wildcard(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }

// Terminal finds a terminal by its name.
func (s *Settings) Terminal(name string) (Terminal, bool) {
	for _, t := range s.Terminals {
		if t.Name == name {
			return t, true
		}
	}
	return Terminal{}, false
}

// Exposed lists the doors that other machines can reach without TLS, as InsecureLAN allowed.
func (s *Settings) Exposed() []string {
	if s.TLS != nil {
		return nil
	}
	var open []string
	for _, a := range []string{s.Listen, s.Counter} {
		if !loopback(a) {
			open = append(open, a)
		}
	}
	return open
}

func defaults(file string, env Env) *Settings {
	p := pathsOf(env, file)
	s := &Settings{
		File: file, Listen: DefaultListen, Counter: DefaultCounter, Journal: p.journal(),
		MGR:        MGR{NotifyURL: DefaultNotifyURL, AllowedOrigins: []string{DefaultOrigin}},
		QueueLimit: DefaultQueueLimit,
	}
	s.CounterPasswordFile, s.APITokenFile = p.beside(s.Journal, "counter-password"), p.beside(s.Journal, "api-token")
	s.OwnerPasswordFile = p.beside(s.CounterPasswordFile, "owner-password")
	return s
}
