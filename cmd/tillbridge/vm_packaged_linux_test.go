package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal/simulate"
)

// vmOutside is the guest's port that leads to MGR's door there, which listens to the loopback only.
const vmOutside = 8483

// packagedShop is a shop whose bridge was put into the guest by a package.
type packagedShop struct {
	*plugShop
	pid string // of the service
}

// prepare puts the packages on the guest's /host, hears the service's log, and lets MGR's door be reached.
func (s *packagedShop) prepare(packages string) {
	s.t.Helper()
	for _, version := range []string{"old", "new"} {
		for ending, pattern := range map[string]string{".deb": "*_amd64.deb", ".rpm": "*.x86_64.rpm"} {
			all, err := filepath.Glob(filepath.Join(packages, version, pattern))
			if err != nil || len(all) != 1 {
				s.t.Fatalf("one %s in %s: %v %v", pattern, filepath.Join(packages, version), all, err)
			}
			content, err := os.ReadFile(all[0])
			if err != nil {
				s.t.Fatal(err)
			}
			s.g.put(version+ending, string(content))
		}
	}
	s.relay("door", fmt.Sprint(vmOutside), fmt.Sprintf("127.0.0.1:%d", vmDoor))
	s.g.put("hear.service", `[Unit]
Description=the log of the bridge, for the test
BindsTo=dev-hvc1.device
After=dev-hvc1.device
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh -c 'stty raw -echo </dev/hvc1; exec journalctl -q -f -n all -b -o short -u tillbridge.service >/dev/hvc1'
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
`)
	s.g.put("end.conf", "[Service]\nKillSignal=SIGHUP\n") // a shell at a terminal does not end by SIGTERM, and the guest is booted again
	s.g.must("rm -f /etc/dpkg/dpkg.cfg.d/*; install -D -t /etc/systemd/system/test-shell.service.d /host/end.conf; cp /host/door.* /host/hear.service /etc/systemd/system/ && systemctl daemon-reload && systemctl -q enable --now door.socket hear.service")
	s.g.listen(s.hear)
}

// letMGR lets the bridge reach MGR under a port of the loopback.
func (s *packagedShop) letMGR() {
	s.t.Helper()
	s.relay("relay", fmt.Sprintf("127.0.0.1:%d", vmRelay), fmt.Sprintf("%s:%d", guestHost, s.notify.Listener.Addr().(*net.TCPAddr).Port))
	s.g.must("cp /host/relay.* /etc/systemd/system/ && systemctl daemon-reload && systemctl -q enable --now relay.socket")
}

// is carries out a command in the guest and compares what it prints.
func (s *packagedShop) is(command, want string) {
	s.t.Helper()
	if got := s.g.must(command); got != want {
		s.t.Errorf("in the guest: %s: %q, want %q", command, got, want)
	}
}

// serves waits until the service serves with another process than before, and returns which.
func (s *packagedShop) serves(before string) (pid string) {
	s.t.Helper()
	return s.g.must("until systemctl is-active -q tillbridge && [ \"$(systemctl show -P MainPID tillbridge)\" != \"" + before + "\" ]; do sleep 0.2; done; systemctl show -P MainPID tillbridge")
}

// sofar marks a place in the service's log.
func (s *packagedShop) sofar() (mark int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard
}

// said waits for a text in the service's log behind a mark.
func (s *packagedShop) said(mark int, text string) {
	s.t.Helper()
	s.until("the log has "+text, func() bool {
		fresh := min(len(s.log), s.heard-mark)
		return slices.ContainsFunc(s.log[len(s.log)-fresh:], func(l string) bool { return strings.Contains(l, text) })
	})
}

// byHand asks for a payment whose card nobody has presented yet.
func (s *packagedShop) byHand(phase string) (uuid string, minor int64) {
	s.t.Helper()
	uuid, minor = s.ask(phase, cutNever, simulate.PressByHand)
	for late := time.Now().Add(patience); !s.d.waiting(); idleFor(20*time.Millisecond, s.g.ended) {
		if time.Now().After(late) {
			s.t.Fatalf("%s: the terminal does not wait for a card", phase)
		}
	}
	s.until(phase+": the payment was sent", func() bool { return s.states[uuid] >= bridge.Sent })
	return uuid, minor
}

// tap presents a card.
func (s *packagedShop) tap(phase string) {
	s.t.Helper()
	late := time.Now().Add(patience)
	for {
		err := s.sim.Press(simulate.PressTap)
		switch {
		case err == nil:
			return
		case time.Now().After(late) || !s.sim.Face().Paying:
			s.t.Errorf("%s: the terminal does not wait for a card any more: %v", phase, err)
			return
		}
		idleFor(20*time.Millisecond, s.g.ended)
	}
}

// plugKnown plugs in a device with the USB id of a known terminal, an Ingenico's, which the guest's kernel plays, and
// unplugKnown takes it out.
func (s *packagedShop) plugKnown() {
	s.t.Helper()
	s.g.must("modprobe dummy_hcd && modprobe g_serial use_acm=1 idVendor=0x0b00 idProduct=0x0054 && udevadm wait --timeout=60 /dev/ttyACM0 && udevadm settle")
}

func (s *packagedShop) unplugKnown() {
	s.t.Helper()
	s.g.must("rmmod g_serial && udevadm wait --timeout=60 --removed /dev/ttyACM0")
}

// knownByUdev looks at what the guest's rules say of such a device.
func (s *packagedShop) knownByUdev(ignored string) {
	s.t.Helper()
	s.plugKnown()
	s.is("for d in /sys/bus/usb/devices/*; do if grep -qs 0b00 $d/idVendor; then udevadm info -q property --property=ID_MM_DEVICE_IGNORE --value $d; fi; done", ignored)
	s.is("stat -c '%G %a' /dev/ttyACM0", "dialout 660")
	s.unplugKnown()
}

// within carries out a command in the service's control group, whose device policy holds for root as well, and returns
// what it prints.
func (s *packagedShop) within(command string) string {
	s.t.Helper()
	return s.g.must("sh -c 'echo $$ >/sys/fs/cgroup$(cut -d: -f3 /proc/" + s.pid + "/cgroup)/cgroup.procs && exec " + command + "' 2>&1 || true")
}

// again boots the guest anew.
func (g *guest) again() {
	g.t.Helper()
	const ask = "cat /proc/sys/kernel/random/boot_id"
	boot := regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	before := g.must(ask)
	g.attempt("systemctl --no-block reboot", time.Second) // the shell may end before it answers
	for late := time.Now().Add(10 * time.Minute); ; {
		out, there := g.attempt(ask, 3*time.Second)
		if now := boot.FindString(out); there && now != "" && now != before {
			break
		}
		if time.Now().After(late) {
			g.t.Fatal("the guest has not started again in ten minutes")
		}
		idleFor(200*time.Millisecond, g.ended)
	}
	g.greet()
}
