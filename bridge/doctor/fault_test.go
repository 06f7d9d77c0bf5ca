package doctor

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/config"
	"tillbridge/bridge/journal"
	"tillbridge/terminal"
	"tillbridge/terminal/line"
)

func replace(w *world, old, new string) { w.settings = strings.Replace(w.settings, old, new, 1) }

func asked(p Probed, err error) func(config.Terminal) (Probed, error) {
	return func(config.Terminal) (Probed, error) { return p, err }
}

func answers(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func payment(state bridge.State, at time.Time) bridge.Payment {
	eur := terminal.Currency{Code: "EUR", Digits: 2}
	return bridge.Payment{Order: bridge.Order{UUID: "a1b2c3d4-held", Terminal: "till", Amount: terminal.Amount{Minor: 1250, Currency: eur}}, State: state, Received: at}
}

// seeded is one fault and what doctor must say of it.
type seeded struct {
	name    string
	seed    func(*world)
	check   string
	verdict Verdict
	text    string
	remedy  string // in the remedy or one of its commands
	also    int    // further warnings and faults that follow from it
}

// seededFaults are all of them.
func seededFaults() []seeded {
	return slices.Concat(settingsFaults(), terminalFaults(), networkFaults(), addressFaults(), journalFaults(), systemFaults(), windowsFaults(), toldFaults())
}

func settingsFaults() []seeded {
	return []seeded{
		{"settings missing", func(w *world) { w.settings = ""; delete(w.files, "/etc/tillbridge/config.yaml") }, "settings", Fault, "no such settings file", "config.example.yaml", 0},
		{"wrong key", func(w *world) { replace(w, "driver:", "drivr:") }, "settings", Fault, "line 8", "driver", 1},
		{"weak passcode", func(w *world) { replace(w, "passcode_file: /etc/tillbridge/passcode", "passcode: password1234") }, "passcode", Fault, "easily guessed", "/dev/urandom", 0},
		{"middling passcode", func(w *world) { replace(w, "passcode_file: /etc/tillbridge/passcode", "passcode: blue7tree92") }, "passcode", Warning, "is weak", "Set the same passcode in MGR", 0},
		{"basic auth is the passcode", func(w *world) {
			replace(w, "mgr:", "mgr:\n  basic_auth: {username: shop, password: "+goodPasscode+"}")
		}, "passcode", Warning, "is the passcode itself", "urandom", 0},
		{"passcode world-readable", func(w *world) { w.files["/etc/tillbridge/passcode"] = File{Mode: 0o644, Owner: "root", Group: "root"} }, "files", Warning, "every user", "sudo chmod o-rwx /etc/tillbridge/passcode", 0},
		{"passcode group-readable", func(w *world) { w.files["/etc/tillbridge/passcode"] = File{Mode: 0o640, Owner: "root", Group: "users"} }, "files", Warning, "group users", "sudo chmod g-rwx /etc/tillbridge/passcode", 0},
		{"journal world-readable", func(w *world) {
			w.files["/var/lib/tillbridge/journal.db"] = File{Mode: 0o664, Owner: "ann", Group: "users"}
		}, "files", Warning, "journal", "sudo chmod go-rwx /var/lib/tillbridge/journal.db", 0},
	}
}

func terminalFaults() []seeded {
	return []seeded{
		{"port missing", func(w *world) { w.stopped(); w.ports = nil }, "port", Fault, "0b00:0054", "tillbridge ports", 0},
		{"port held by another", func(w *world) { w.stopped(); w.hold(99, "minicom") }, "port", Fault, "minicom (process 99)", "sudo kill 99", 0},
		{"port held by another while the bridge runs", func(w *world) { w.hold(99, "minicom") }, "port", Fault, "minicom (process 99)", "sudo kill 99", 0},
		{"no permission", func(w *world) {
			w.stopped()
			w.ports[0].Access = line.Denied
			w.ports[0].Remedies = []string{"/dev/ttyACM0 belongs to the group dialout: sudo usermod -aG dialout ann, then log out and in"}
		}, "port", Fault, "may not open", "sudo usermod -aG dialout ann", 0},
		{"ModemManager", func(w *world) {
			w.ports[0].Remedies = []string{"ModemManager runs (process 900): it opens serial ports that are plugged in. Unless this computer dials out: sudo systemctl disable --now ModemManager"}
		}, "port", Warning, "disturb", "sudo systemctl disable --now ModemManager", 0},
		{"terminal silent", func(w *world) {
			w.stopped()
			w.probe = asked(Probed{Supported: true, Line: LineCount{Sent: 3, Repeated: 0}}, errors.New("the terminal does not answer"))
		}, "terminal", Fault, "does not answer", "9600 baud", 0},
		{"terminal busy", func(w *world) {
			w.stopped()
			w.probe = asked(Probed{Supported: true, Health: terminal.Health{Busy: true, Text: "it works"}}, nil)
		}, "terminal", Warning, "busy", "idle screen", 0},
		{"terminal needs end of day", func(w *world) {
			w.stopped()
			w.probe = asked(Probed{Supported: true, Health: terminal.Health{Code: "DC (220)", Text: "The end of day is due."}}, nil)
		}, "terminal", Fault, "end of day is due (status DC (220))", "end of day", 0},
		{"line noisy", func(w *world) {
			w.stopped()
			w.probe = asked(Probed{Supported: true, Health: terminal.Health{Ready: true}, Line: LineCount{Sent: 5, Received: 4, Repeated: 2, RefusedByUs: 1}}, nil)
		}, "line", Warning, "2 messages were sent again", "cable", 0},
	}
}

func networkFaults() []seeded {
	return []seeded{
		{"clock five minutes ahead", func(w *world) { w.date = -5 * time.Minute }, "clock", Fault, "5m0s ahead of", "timedatectl set-ntp true", 0},
		{"clock a minute behind", func(w *world) { w.date = time.Minute }, "clock", Warning, "behind", "timedatectl", 0},
		{"DNS does not know the name", func(w *world) {
			w.resolve = func(h string) ([]string, error) {
				return nil, &net.DNSError{Name: h, Err: "no such host", IsNotFound: true}
			}
		}, "mgr-name", Fault, "does not exist", "spelt right", 0},
		{"DNS offline", func(w *world) {
			w.resolve = func(h string) ([]string, error) { return nil, &net.DNSError{Name: h, Err: "timeout", IsTimeout: true} }
		}, "mgr-name", Fault, "may be offline", "router", 0},
		{"firewall", func(w *world) { w.dialErr = os.NewSyscallError("connect", syscall.ECONNREFUSED) }, "mgr-connection", Fault, "does not answer", "port 443", 0},
		{"TLS expired", func(w *world) { w.until = w.now.Add(-time.Hour) }, "mgr-certificate", Fault, "has ended on 2026-06-01", "timedatectl", 0},
		{"TLS not yet valid", func(w *world) { w.from = w.now.Add(48 * time.Hour) }, "mgr-certificate", Fault, "begins on 2026-06-03", "clock first", 0},
		{"TLS ends soon", func(w *world) { w.until = w.now.Add(72 * time.Hour) }, "mgr-certificate", Warning, "2026-06-04", "MGR's support", 0},
		{"TLS wrong name", func(w *world) { w.names = []string{"portal.hotel.example"} }, "mgr-certificate", Fault, "portal.hotel.example", "hosts file", 0},
		{"TLS unknown authority", func(w *world) { w.untrusted() }, "mgr-certificate", Fault, "Test authority", "virus scanner", 0},
		{"captive portal", func(w *world) { w.answer = answers(200, "<html><title>Hotel Wi-Fi</title>") }, "mgr-answer", Fault, `"Hotel Wi-Fi"`, "sign in with the browser", 0},
		{"network authentication required", func(w *world) { w.answer = answers(511, "") }, "mgr-answer", Fault, "511", "sign in", 0},
		{"notify 404", func(w *world) { w.answer = answers(404, "not here") }, "mgr-answer", Fault, "404", "/external/payments/custom/notify", 0},
		{"redirect", func(w *world) { w.answer = answers(302, "", "Location", "https://portal.example/login?token=abc") }, "mgr-answer", Fault, "https://portal.example/login)", "notify_url", 0},
		{"MGR in trouble", func(w *world) { w.answer = answers(503, "") }, "mgr-answer", Warning, "503", "by themselves", 0},
	}
}

func addressFaults() []seeded {
	return []seeded{
		{"address in use", func(w *world) {
			w.stopped()
			w.listeners = []Listener{{netip.MustParseAddrPort("0.0.0.0:8473"), Process{77, "nginx"}}}
		}, "listen", Fault, "nginx (process 77)", "sudo kill 77", 0},
		{"no address of this computer", func(w *world) { replace(w, "mgr:", "listen: 192.168.9.9:8473\ninsecure_lan: true\nmgr:") }, "listen", Fault, "no address of this computer: it has 192.168.1.20", "Correct listen", 1},
		{"LAN without TLS", func(w *world) {
			replace(w, "mgr:", "listen: 192.168.1.20:8473\ninsecure_lan: true\nmgr:")
			w.listeners[0].Address = netip.MustParseAddrPort("192.168.1.20:8473")
		}, "lan", Warning, "without encryption", "tls:", 0},
		{"bridge with old settings", func(w *world) { w.listeners = w.listeners[1:] }, "listen", Warning, "does not listen at 127.0.0.1:8473", "sudo systemctl restart tillbridge", 0},
		{"counter screen hangs", func(w *world) { w.counter = http.NotFoundHandler() }, "counter", Fault, "404", "restart", 0},
	}
}

func journalFaults() []seeded {
	return []seeded{
		{"journal newer", func(w *world) {
			w.stopped()
			w.openErr = &journal.VersionError{Path: "j", Found: 9, Known: 3}
		}, "journal", Fault, "newer tillbridge (version 9", "newer tillbridge again", 0},
		{"journal damaged", func(w *world) {
			w.journal.problems = []journal.Problem{{UUID: "u", Seq: 2, Text: "it does not follow the entry before it: one of them was altered"}}
		}, "journal", Fault, "was altered", "sudo systemctl stop tillbridge", 0},
		{"journal unreadable", func(w *world) {
			w.stopped()
			w.openErr = &journal.DamagedError{Path: "j", Err: errors.New("malformed")}
		}, "journal", Fault, "Malformed", "last good copy", 0},
		{"no journal of ours", func(w *world) {
			w.stopped()
			w.openErr = &journal.ForeignError{Path: "j", Why: "it belongs to another program"}
		}, "journal", Fault, "belongs to another program", "Move it away", 0},
		{"journal marked read-only", func(w *world) { w.files["/var/lib/tillbridge/journal.db"] = File{Mode: 0o400} }, "disk", Fault, "read-only", "sudo chmod u+w", 0},
		{"disk mounted read-only", func(w *world) { w.disk.ReadOnly = true }, "disk", Fault, "mounted read-only", "dmesg", 0},
		{"disk full", func(w *world) { w.disk.FreeBytes = 5 << 20 }, "disk", Fault, "5 MiB", "Make room", 0},
		{"disk nearly full", func(w *world) { w.disk.FreeBytes = 100 << 20 }, "disk", Warning, "100 MiB", "Make room", 0},
		{"many undelivered notices", func(w *world) {
			w.journal.owed = 12
			w.journal.due = []journal.Notice{{Attempts: 3, LastError: "MGR refused the outcome with 403 Forbidden."}}
		}, "notices", Fault, "403 Forbidden", "none is lost", 0},
		{"an undelivered notice", func(w *world) {
			w.journal.owed, w.journal.due = 1, []journal.Notice{{Attempts: 2}}
		}, "notices", Warning, "1 outcome waits", "by themselves", 0},
		{"hold older than a day", func(w *world) {
			w.journal.unsettled = []bridge.Payment{payment(bridge.Held, w.now.Add(-30*time.Hour))}
		}, "holds", Fault, "older than a day", "tillbridge payments show a1b2c3d4-held", 0},
		{"hold of today", func(w *world) {
			w.journal.unsettled = []bridge.Payment{payment(bridge.Held, w.now.Add(-time.Hour))}
		}, "holds", Warning, "12.50 EUR", "counter screen", 0},
		{"alarm", func(w *world) {
			w.journal.alarms = []journal.Alarm{{At: w.now, Text: "Another terminal answers."}}
		}, "alarms", Warning, "Another terminal answers", "clear each", 0},
	}
}

func systemFaults() []seeded {
	return []seeded{
		{"second instance", func(w *world) {
			w.commands[systemdShow] = "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nUnitFileState=enabled\nMainPID=0\nNRestarts=12\n"
		}, "instance", Fault, "two bridges: tillbridge (process 812)", "sudo kill 812", 1},
		{"service not installed", func(w *world) {
			w.stopped()
			w.commands[systemdShow] = "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nMainPID=0\n"
		}, "service", Fault, "not installed", "sudo tillbridge install --config", 0},
		{"service not running", func(w *world) {
			w.stopped()
			w.commands[systemdShow] = "LoadState=loaded\nActiveState=inactive\nSubState=dead\nUnitFileState=enabled\nMainPID=0\n"
		}, "service", Fault, "does not run", "sudo systemctl start tillbridge", 0},
		{"service not enabled", func(w *world) {
			w.commands[systemdShow] = strings.Replace(systemdWell, "=enabled", "=disabled", 1)
		}, "service", Warning, "does not start with", "systemctl enable tillbridge", 0},
		{"bridge by hand", func(w *world) {
			w.commands[systemdShow] = "LoadState=not-found\nActiveState=inactive\nSubState=dead\n"
		}, "service", Warning, "by hand", "sudo tillbridge install --config", 0},
		{"browser policy missing", func(w *world) { delete(w.contents, "/etc/chromium/policies/managed/a.json") }, "browser", Warning, "No policy of Chromium", "LocalNetworkAccessAllowedForUrls", 0},
		{"USB autosuspend", func(w *world) { w.contents["/sys/bus/usb/devices/1-1.4/power/control"] = "auto\n" }, "usb-power", Warning, "autosuspend", "echo on | sudo tee /sys/bus/usb/devices/1-1.4/power/control", 0},
		{"may sleep", func(w *world) {
			w.commands["systemctl is-enabled suspend.target"] = "static\n"
			w.commands["systemctl get-default"] = "graphical.target\n"
		}, "sleep", Warning, "to sleep", "sudo systemctl mask sleep.target", 0},
	}
}

func windowsFaults() []seeded {
	return []seeded{
		{"Windows: excluded port range", func(w *world) {
			w.windows()
			w.commands["netsh interface ipv4 show excludedportrange protocol=tcp"] = netshTaken
		}, "excluded-ports", Fault, "8434 to 8533", "net stop winnat", 1},
		{"Windows: USB selective suspend", func(w *world) {
			w.windows()
			w.commands["powercfg /query SCHEME_CURRENT "+subUSB+" "+selectiveOnOff] = powercfgUSBGerman
		}, "usb-power", Warning, "selective suspend", "powercfg /setacvalueindex SCHEME_CURRENT " + subUSB + " " + selectiveOnOff + " 0", 0},
		{"Windows: sleeps", func(w *world) {
			w.windows()
			w.commands["powercfg /query SCHEME_CURRENT SUB_SLEEP STANDBYIDLE"] = powercfgSleep30
		}, "sleep", Warning, "30 minutes", "powercfg /change standby-timeout-ac 0", 0},
		{"Windows: service missing", func(w *world) {
			w.windows()
			w.unheld()
			w.commands["sc.exe query tillbridge"], w.codes["sc.exe query tillbridge"] = scMissing, 1060
		}, "service", Fault, "not installed", "tillbridge install --config", 0},
		{"Windows: service stopped", func(w *world) {
			w.windows()
			w.unheld()
			w.commands["sc.exe query tillbridge"] = scStoppedGerman
		}, "service", Fault, "does not run (stopped)", "tillbridge start", 0},
		{"Windows: browser policy missing", func(w *world) {
			w.windows()
			delete(w.commands, `reg query HKLM\SOFTWARE\Policies\Microsoft\Edge\LocalNetworkAccessAllowedForUrls`)
		}, "browser", Warning, "No policy of Microsoft Edge", `reg add "HKLM\SOFTWARE\Policies\Microsoft\Edge\LocalNetworkAccessAllowedForUrls"`, 0},
		{"Windows: weak passcode", func(w *world) {
			w.windows()
			replace(w, `passcode_file: C:\Tillbridge\passcode`, "passcode: aaaaaaaaaaaa")
		}, "passcode", Fault, "repeats 1 character", "RandomNumberGenerator", 0},
	}
}

func (w *world) hold(pid int, program string) {
	w.ports[0].Use, w.ports[0].HolderPID, w.ports[0].Holder = line.Held, pid, program
}

func (w *world) unheld() {
	w.holder, w.listeners = Process{}, nil
	w.hold(0, "")
	w.ports[0].Use = line.Free
}

// untrusted has MGR's certificate signed by somebody whom the system does not know.
func (w *world) untrusted() { w.trusted = newAuthority(w.t) }

// TestSeededFaults puts each fault into a shop in which all is well: doctor names it with its remedy, and nothing else.
func TestSeededFaults(t *testing.T) {
	for _, x := range seededFaults() {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			x.seed(w)
			all := w.examine()
			found := false
			for _, f := range all {
				said := strings.Join(append([]string{f.Remedy}, f.Commands...), "\n")
				found = found || f.Check == x.check && f.Verdict == x.verdict && strings.Contains(f.Text, x.text) && strings.Contains(said, x.remedy)
				sound(t, f)
			}
			todo := ToDo(all)
			if !found || len(todo) != 1+x.also {
				t.Errorf("want %s %s with %q and %q, and %d more; to do are:", x.check, x.verdict, x.text, x.remedy, x.also)
				for _, f := range todo {
					t.Errorf("  %s %s %q: %s -> %s %q", f.Check, f.Verdict, f.About, f.Text, f.Remedy, f.Commands)
				}
			}
		})
	}
}

// sound checks what holds of every finding.
func sound(t *testing.T, f Finding) {
	t.Helper()
	ends := strings.HasSuffix(f.Text, ".") || strings.HasSuffix(f.Text, "?")
	if f.Title == f.Check || f.Text == "" || !ends || strings.Contains(f.Text, "%!") || strings.Contains(f.Text, "..") || strings.Contains(f.Text, goodPasscode) {
		t.Errorf("the finding %s (%s) says %q", f.Check, f.Title, f.Text)
	}
	if f.Verdict >= Warning && f.Remedy == "" {
		t.Errorf("the finding %s has no remedy: %s", f.Check, f.Text)
	}
}

// TestWell examines a shop in which all is well, running and stopped, on Linux and Windows.
func TestWell(t *testing.T) {
	for name, set := range map[string]func(*world){
		"running": func(*world) {}, "stopped": func(w *world) { w.stopped() }, "windows": func(w *world) { w.windows() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			set(w)
			all := w.examine()
			for _, f := range all {
				sound(t, f)
				if f.Verdict >= Warning {
					t.Errorf("%s %s %s -> %s", f.Check, f.Verdict, f.Text, f.Remedy)
				}
			}
			asks := 0
			if name == "stopped" {
				asks = 1
			}
			if w.probed != asks {
				t.Errorf("the terminal was asked %d times, want %d: a running bridge holds it", w.probed, asks)
			}
		})
	}
}

// TestTerminalIsLeftAlone: a terminal with an undecided payment, or of which that cannot be told, is not asked.
func TestTerminalIsLeftAlone(t *testing.T) {
	for name, set := range map[string]func(*world){
		"undecided payment": func(w *world) { w.journal.unsettled = []bridge.Payment{payment(bridge.Sent, w.now)} },
		"journal damaged":   func(w *world) { w.openErr = &journal.DamagedError{Path: "j", Err: errors.New("malformed")} },
		"no access":         func(w *world) { w.openErr = &fs.PathError{Op: "open", Path: "j", Err: fs.ErrPermission} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.stopped()
			set(w)
			for _, f := range w.examine() {
				if f.Check == "terminal" && f.Verdict != NotChecked {
					t.Errorf("the terminal is %s: %s", f.Verdict, f.Text)
				}
			}
			if w.probed != 0 {
				t.Error("the terminal was asked")
			}
		})
	}
}

// TestTimeIsBounded: terminals that take all the time leave the others unchecked, never silently well.
func TestTimeIsBounded(t *testing.T) {
	w := newWorld(t)
	w.stopped()
	replace(w, "    currency: EUR\n", "    currency: EUR\n  lane:\n    driver: toy\n    port: {tcp: 192.168.1.50}\n    currency: EUR\n")
	shop, system := w.theShop(), w.system()
	ctx, cancel := context.WithCancel(t.Context())
	system.Probe = func(context.Context, config.Terminal) (Probed, error) {
		cancel()
		return Probed{Supported: true, Line: LineCount{Sent: 1}}, context.DeadlineExceeded
	}
	said := map[string]Finding{}
	for _, f := range Examine(ctx, shop, system, Checks()) {
		if f.Check == "terminal" {
			said[f.About] = f
		}
	}
	if f := said["till"]; f.Verdict != Fault || !strings.Contains(f.Text, "did not answer within 40s") {
		t.Errorf("the silent one is %s: %s", f.Verdict, f.Text)
	}
	if f := said["lane"]; f.Verdict != NotChecked || !strings.Contains(f.Text, "all the time") {
		t.Errorf("the one behind it is %s: %s", f.Verdict, f.Text)
	}
}
