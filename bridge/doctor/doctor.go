// Package doctor checks everything that a support call would ask: settings, passcode, files, port, terminal, line,
// the way to MyGadgetRepairs (MGR), clock, addresses, service, journal, disk, power saving and the browser's policy.
//
// A check gives findings: plain values with a verdict, a sentence and a remedy. What it asks of the machine comes
// through System, so that every fault can be made up. Nothing here prints, moves money, changes a setting or
// disturbs a bridge that runs: while one does, its journal is read only and its terminals are left alone.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/config"
	"tillbridge/bridge/health"
	"tillbridge/terminal"
	"tillbridge/terminal/line"
)

// Verdict is how a check came out.
type Verdict uint8

// The verdicts. A forgotten one reads as not checked, never as good.
const (
	NotChecked Verdict = iota // it could not be looked at; Text says why
	Good
	Warning // it works, and will not for long or not safely
	Fault   // payments do not work, or are in danger
)

var verdictWords = [...]string{"not checked", "good", "warning", "fault"}

func (v Verdict) String() string {
	if int(v) < len(verdictWords) {
		return verdictWords[v]
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// MarshalText writes the word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Finding is what one check found. It holds no secret and no card number.
type Finding struct {
	Check    string   `json:"check"`           // stable word of what was checked: "port", "mgr-certificate"
	Title    string   `json:"title"`           // the same for people
	About    string   `json:"about,omitempty"` // the terminal, file or door, where there can be several
	Verdict  Verdict  `json:"verdict"`
	Text     string   `json:"text"`               // what is the case, in sentences
	Remedy   string   `json:"remedy,omitempty"`   // what to do, in sentences; with a warning or a fault always
	Commands []string `json:"commands,omitempty"` // to be typed as they are, in this order
}

// Worst is the gravest verdict of the findings; NotChecked where there are none.
func Worst(all []Finding) Verdict {
	worst := NotChecked
	for _, f := range all {
		worst = max(worst, f.Verdict)
	}
	return worst
}

// Count is how many findings have the verdict.
func Count(all []Finding, v Verdict) (n int) {
	for _, f := range all {
		if f.Verdict == v {
			n++
		}
	}
	return n
}

// ToDo is the findings that ask for something, faults before warnings, each in the order of the checks.
func ToDo(all []Finding) []Finding {
	var list []Finding
	for _, v := range []Verdict{Fault, Warning} {
		for _, f := range all {
			if f.Verdict == v {
				list = append(list, f)
			}
		}
	}
	return list
}

// Shop is what is examined.
type Shop struct {
	File     string           // the settings file
	Settings *config.Settings // with Wrong, what Rescue made of them
	Wrong    error            // why the settings cannot be used; of type config.Errors
	Line     func(config.Port) line.Config
	Drivers  []terminal.Driver
	// Redactor knows the shop's secrets, which others may have written into what is quoted; nil for none.
	Redactor *Redactor
}

// Check is one look at one thing.
type Check struct {
	Name   string
	Within time.Duration // it is given up then, and what it did not come to is not checked
	// Cheap tells that the check asks neither the network nor a terminal nor the whole journal, so that a screen may
	// make it every minute.
	Cheap bool
	run   func(context.Context, *exam) []Finding
}

// Checks lists every check in the order in which a person would make them.
func Checks() []Check {
	const quick, slow = 15 * time.Second, 45 * time.Second
	return []Check{
		{"settings", quick, true, checkSettings},
		{"passcode", quick, true, checkPasscode},
		{"files", quick, true, checkFiles},
		{"service", quick, true, checkService},
		{"instance", quick, true, checkInstance},
		{"listen", quick, true, checkListen},
		{"counter", quick, false, checkCounter},
		{"excluded-ports", quick, true, checkExcluded},
		{"journal", 3 * time.Minute, false, checkJournal},
		{"payments", quick, true, checkPayments},
		{"told", quick, true, checkTold},
		{"disk", quick, true, checkDisk},
		{"port", slow, true, checkPorts},
		{"terminal", 10 * time.Minute, false, checkTerminals}, // each terminal has a bound of its own
		{"mgr", slow, false, checkMGR},
		{"usb-power", quick, true, checkUSBPower},
		{"sleep", quick, true, checkSleep},
		{"browser", quick, true, checkBrowser},
	}
}

// exam is one examination: what the checks share.
type exam struct {
	Shop
	System

	running   bool                       // a bridge has the journal
	bridge    Process                    // which one
	unheld    error                      // why it cannot be told whether one has
	facts     map[string]health.Terminal // of the running bridge, by terminal
	factsErr  error                      // why they are not known
	ports     []line.PortInfo
	portsErr  error
	portFault map[string]bool // terminals whose port is not right
	open      map[string]bool // terminals with an undecided payment
	openErr   error           // why that cannot be told
}

// Examine makes the checks, one after another, and returns what they found. A check that does not come to its end,
// or panics, is not checked. When ctx ends, the rest is not checked.
func Examine(ctx context.Context, shop Shop, system System, checks []Check) []Finding {
	x := &exam{Shop: shop, System: system, portFault: map[string]bool{}, open: map[string]bool{}, facts: map[string]health.Terminal{}}
	x.bridge, x.running, x.unheld = system.JournalHolder(shop.Settings.Journal)
	if x.running {
		f, err := system.Facts(ctx, shop.Settings.Journal)
		x.factsErr = err
		for _, t := range f.Terminals {
			x.facts[t.Name] = t
		}
	}
	x.ports, x.portsErr = system.Ports(ctx)
	x.readOpen(ctx)
	r := shop.Redactor
	if r == nil {
		r = NewRedactor()
	}
	var all []Finding
	for _, c := range checks {
		for _, f := range c.make(ctx, x) {
			f.Title, f.Text, f.Remedy = title(f.Check), r.Known(f.Text), r.Known(f.Remedy)
			all = append(all, f)
		}
	}
	return all
}

func (c Check) make(ctx context.Context, x *exam) (found []Finding) {
	if ctx.Err() != nil {
		return []Finding{unchecked(c.Name, "", "the examination was ended before this")}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			found = append(found, unchecked(c.Name, "", fmt.Sprintf("the check itself broke: %v", r)))
		}
	}()
	return c.run(ctx, x)
}

// readOpen finds the terminals whose last payment is not decided: those are not asked anything.
func (x *exam) readOpen(ctx context.Context) {
	j, err := x.OpenJournal(x.Settings.Journal)
	if isAbsent(err) {
		return
	}
	if err != nil {
		x.openErr = err
		return
	}
	defer j.Close()
	list, err := j.Unsettled(ctx)
	x.openErr = err
	for _, p := range list {
		if p.State > bridge.Received {
			x.open[p.Terminal] = true
		}
	}
}

func title(check string) string {
	titles := []struct{ check, title string }{
		{"settings", "Settings"},
		{"passcode", "Passcode"},
		{"files", "File rights"},
		{"service", "Service"},
		{"instance", "One bridge only"},
		{"listen", "Address"},
		{"lan", "Network exposure"},
		{"certificate", "Own certificate"},
		{"counter", "Counter screen"},
		{"excluded-ports", "Reserved ports"},
		{"journal", "Journal"},
		{"payments", "Payments"},
		{"notices", "Outcomes for MGR"},
		{"holds", "Payments not known"},
		{"alarms", "Alarms"},
		{"told", "Who is told of alarms"},
		{"disk", "Disk"},
		{"port", "Port"},
		{"terminal", "Terminal"},
		{"line", "Line quality"},
		{"mgr", "MGR"},
		{"mgr-name", "MGR's name (DNS)"},
		{"mgr-connection", "Way to MGR"},
		{"mgr-certificate", "MGR's certificate"},
		{"mgr-answer", "MGR's answer"},
		{"clock", "Clock"},
		{"usb-power", "USB power saving"},
		{"sleep", "Sleep"},
		{"browser", "Browser policy"},
	}
	i := slices.IndexFunc(titles, func(t struct{ check, title string }) bool { return t.check == check })
	if i < 0 {
		return check
	}
	return titles[i].title
}

func good(check, about, text string, args ...any) Finding {
	return Finding{Check: check, About: about, Verdict: Good, Text: fmt.Sprintf(text, args...)}
}

func unchecked(check, about, why string) Finding {
	return Finding{Check: check, About: about, Verdict: NotChecked, Text: sentence(why)}
}

func (f Finding) do(remedy string, commands ...string) Finding {
	f.Remedy, f.Commands = remedy, commands
	return f
}

func warning(check, about, text string, args ...any) Finding {
	return Finding{Check: check, About: about, Verdict: Warning, Text: fmt.Sprintf(text, args...)}
}

func fault(check, about, text string, args ...any) Finding {
	return Finding{Check: check, About: about, Verdict: Fault, Text: fmt.Sprintf(text, args...)}
}
