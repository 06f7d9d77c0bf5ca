package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tillbridge/drivers/zvt/sim"
	"tillbridge/terminal/simulate"
)

// unitScore is the most that systemd-analyze security may say of the unit, DESIGN 6.
const unitScore = 1.5

// TestBootedSystemd boots a Linux and puts the bridge into it by its packages, as a shop would: the .deb is installed,
// setup answered from a file finds the terminal on the USB adapter, the service is killed, frozen, booted with the
// computer, upgraded in the middle of a payment, removed and purged; then the .rpm on what the .deb has left. The terminal
// is simulated on the other side of the adapter, and its ledger is the truth: at the end it is compared with the journal and
// with what MGR was told, for every payment.
//
// It needs TILLBRIDGE_VM, the folder with the guest's image, TILLBRIDGE_VM_PACKAGES with the packages of two versions in
// old and new, and QEMU. .ci/vm makes both and runs this test.
func TestBootedSystemd(t *testing.T) {
	folder, packages := os.Getenv("TILLBRIDGE_VM"), os.Getenv("TILLBRIDGE_VM_PACKAGES")
	if folder == "" || packages == "" {
		t.Skip("skipped: TILLBRIDGE_VM and TILLBRIDGE_VM_PACKAGES do not name the folders of a guest's image and of two versions of the packages; " +
			".ci/vm makes them and runs this test")
	}
	began := time.Now()
	s := openPackagedShop(t, folder, packages)
	s.knownByUdev("")
	s.installDeb()
	s.knownByUdev("1")
	t.Log("note: booted systemd: the udev rule marks a device of a known USB id, which the kernel plays")
	s.setUp()
	s.reload()
	s.payment("set up by answers", simulate.Approved)
	s.payment("set up by answers, declined", simulate.Declined)
	s.confined()
	s.killed()
	s.frozen()
	s.booted()
	s.upgraded("the .deb upgraded while a card is waited for", "dpkg -i /host/new.deb", false)
	s.removeDeb()
	s.purgeDeb()
	s.installRPM()
	s.payment("installed by the .rpm", simulate.Approved)
	s.upgraded("the .rpm upgraded while a card is presented", "rpm -U --nodeps --nosignature /host/new.rpm", true)
	s.payment("upgraded by the .rpm", simulate.Approved)
	s.removeRPM()
	outcomes := s.verdict()
	var told []string
	for _, o := range slices.Sorted(maps.Keys(outcomes)) {
		told = append(told, fmt.Sprintf("%d %s", outcomes[o], o))
	}
	t.Logf("note: booted systemd: %d payments, %s; terminal, journal and MGR agree on each: %v; %.0f s in all", len(s.done), strings.Join(told, ", "), !t.Failed(), time.Since(began).Seconds())
}

// installDeb installs the old version. Fresh settings name no terminal, so that nothing is started.
func (s *packagedShop) installDeb() {
	s.t.Helper()
	begin := time.Now()
	said := s.g.must("dpkg -i /host/old.deb")
	if !strings.Contains(said, "takes no payment before a terminal is set up") {
		s.t.Errorf("the first installation says %s", said)
	}
	s.is("systemctl is-enabled tillbridge", "enabled")
	s.is("systemctl is-active tillbridge || true", "inactive")
	s.is("stat -c '%a %U:%G' /etc/tillbridge/passcode", "640 root:tillbridge")
	s.t.Logf("note: booted systemd: dpkg -i took %.1f s", time.Since(begin).Seconds())
	s.meet(s.g.must("cat /etc/tillbridge/passcode"))
	s.letMGR()
}

// setUp plugs the terminal in and lets setup find it.
func (s *packagedShop) setUp() {
	s.t.Helper()
	s.plug()
	s.g.appeared("TB0001")
	s.g.put("answers.yaml", "change_settings: true\nport: "+adapter("TB0001")+"\nprobe: true\n")
	begin := time.Now()
	said := s.g.must("tillbridge setup --answers /host/answers.yaml")
	took := time.Since(begin)
	for _, what := range []string{"It speaks the protocol of the driver zvt", "The settings are in /etc/tillbridge/config.yaml.", "It is started: ", "The payment came through."} {
		if !strings.Contains(said, what) {
			s.t.Errorf("setup does not say %q", what)
		}
	}
	if strings.Contains(said, s.passcode) {
		s.t.Error("setup shows the passcode to a file")
	}
	if s.t.Failed() {
		s.t.Fatalf("setup says:\n%s", said)
	}
	s.is("stat -c '%a %G' /etc/tillbridge/config.yaml", "640 tillbridge")
	s.is("stat -c '%a %G' /etc/tillbridge/passcode", "640 tillbridge")
	settings := s.g.must("cat /etc/tillbridge/config.yaml")
	if !strings.Contains(settings, "TB0001") {
		s.t.Errorf("the settings do not name the adapter by what is its own:\n%s", settings)
	}
	s.pid = s.serves("")
	s.t.Logf("note: booted systemd: setup --answers found the terminal, started the service and took a trial payment in %.0f s", took.Seconds())
}

// reload changes the settings by hand, which a running service takes on systemctl reload: to whom it tells, and the most
// that it may charge.
func (s *packagedShop) reload() {
	s.t.Helper()
	s.g.must(fmt.Sprintf(`cd /etc/tillbridge && sed -i 's|^mgr:|&\n  notify_url: http://127.0.0.1:%d/notify|; s|^    currency: .*|&\n    max_amount: 5000|' config.yaml && tillbridge check`, vmRelay))
	mark := s.sofar()
	s.g.must("systemctl reload tillbridge")
	s.said(mark, "msg=ready ")
	s.is("systemctl show -P MainPID tillbridge", s.pid)
	s.isReady() // for more than the new limit allows is refused as such
	mark = s.sofar()
	s.g.must("cp -p /etc/tillbridge/config.yaml /root/config.yaml; echo 'no such key: 1' >>/etc/tillbridge/config.yaml; systemctl reload tillbridge")
	s.said(mark, "no such key")
	s.is("systemctl show -P MainPID tillbridge", s.pid)
	s.isReady()
	mark = s.sofar()
	s.g.must("cp -p /root/config.yaml /etc/tillbridge/config.yaml; systemctl reload tillbridge")
	s.said(mark, "msg=ready ")
	s.isReady()
	s.t.Log("note: booted systemd: systemctl reload takes changed settings in the same process, and leaves wrong ones")
}

// confined looks at what the running service may do, and at the score of its unit.
func (s *packagedShop) confined() {
	s.t.Helper()
	s.is("stat -c %U /proc/"+s.pid, "tillbridge")
	s.is("awk '/^(NoNewPrivs|CapBnd|CapEff|Seccomp):/ { print $2 }' /proc/"+s.pid+"/status | tr '\\n' ' '", "0000000000000000 0000000000000000 1 2")
	s.is("[ $(readlink /proc/1/ns/user) != $(readlink /proc/"+s.pid+"/ns/user) ] && echo own", "own")
	s.is("readlink /proc/"+s.pid+"/fd/* | grep -q ^/dev/ttyUSB && echo open", "open")
	s.g.must("head -c 1 /dev/vda >/dev/null")
	if said := s.within("head -c 1 /dev/vda"); !strings.Contains(said, "Operation not permitted") {
		s.t.Errorf("the disk, opened within the service's device policy: %q", said)
	}
	said := s.g.must("systemd-analyze security --no-pager tillbridge.service | tail -n 1")
	m := regexp.MustCompile(`Overall exposure level for tillbridge.service: (\d+\.\d+)`).FindStringSubmatch(said)
	if m == nil {
		s.t.Fatalf("systemd-analyze security says %q", said)
	}
	if score, err := strconv.ParseFloat(m[1], 64); err != nil || score > unitScore {
		s.t.Errorf("the unit scores %s, want at most %.1f", m[1], unitScore)
	}
	s.t.Logf("note: booted systemd: systemd-analyze security says %s of the running unit; disks are refused to it by the device policy, in a user namespace of its own", m[1])
}

// killed kills the service while the terminal waits for a card.
func (s *packagedShop) killed() {
	s.t.Helper()
	const phase = "killed with -9 while a card is waited for"
	uuid, minor := s.byHand(phase)
	begin := time.Now()
	s.g.must("kill -9 " + s.pid)
	s.pid = s.serves(s.pid)
	back := time.Since(begin)
	s.is("systemctl show -P NRestarts tillbridge", "1")
	s.tap(phase)
	s.settle(phase, uuid, simulate.Approved, minor)
	s.isReady()
	s.t.Logf("note: booted systemd: killed with -9, the service serves again after %.1f s", back.Seconds())
}

// frozen stops the service's process while the terminal waits for a card, which is presented to a bridge that does not
// hear. The watchdog ends it. Meanwhile another one is started, by hand and as a service.
func (s *packagedShop) frozen() {
	s.t.Helper()
	const phase = "frozen while a card is waited for"
	uuid, minor := s.byHand(phase)
	mark, begin := s.sofar(), time.Now()
	s.g.must("kill -STOP " + s.pid)
	s.tap(phase)
	s.second()
	s.said(mark, "Watchdog timeout")
	ended := time.Since(begin)
	s.pid = s.serves(s.pid)
	back := time.Since(begin)
	s.is("systemctl show -P NRestarts tillbridge", "2")
	s.settle(phase, uuid, simulate.Approved, minor)
	s.isReady()
	s.t.Logf("note: booted systemd: frozen by kill -STOP, it is ended by the watchdog after %.0f s and serves again after %.0f s", ended.Seconds(), back.Seconds())
}

// second starts another bridge on the journal of the one that has it.
func (s *packagedShop) second() {
	s.t.Helper()
	named := "in use by process " + s.pid + "; stop that one first"
	said := s.g.must("setpriv --reuid tillbridge --regid tillbridge --init-groups tillbridge run --config /etc/tillbridge/config.yaml; echo exit $?")
	if !strings.Contains(said, named) || !strings.HasSuffix(said, "exit 3") {
		s.t.Errorf("a second bridge, started by hand, says %q, want %q and exit 3", said, named)
	}
	s.g.must("cp /usr/lib/systemd/system/tillbridge.service /run/systemd/system/second.service && systemctl daemon-reload")
	if out, there := s.g.attempt("systemctl start second", patience); !there || strings.HasSuffix(out, "\x000") {
		s.t.Errorf("a second service starts: %q", out)
	}
	s.is("systemctl show -P ActiveState second; systemctl show -P ExecMainStatus second; systemctl show -P NRestarts second", "failed\n3\n0")
	if said := s.g.must("journalctl -o cat -u second"); !strings.Contains(said, named) {
		s.t.Errorf("the log of the second service does not name the first: %s", said)
	}
	s.g.must("systemctl reset-failed second && rm /run/systemd/system/second.service && systemctl daemon-reload")
	s.t.Log("note: booted systemd: a second bridge ends with 3 and names the first one's process; as a service it is not started again")
}

// booted boots the guest with the adapter unplugged. The service starts with it, before there is a driver for USB serial
// ports, and opens the adapter that comes later.
func (s *packagedShop) booted() {
	s.t.Helper()
	s.cable.unplug()
	s.g.goneFrom("TB0001")
	begin := time.Now()
	s.g.again()
	s.pid = s.serves("")
	up := s.g.must("systemctl show -P ActiveEnterTimestampMonotonic tillbridge")
	micro, err := strconv.ParseInt(up, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	s.is("lsmod | grep -c usbserial || true", "0")
	s.is("grep -c ttyUSB /proc/devices || true", "0")
	s.answers(http.StatusServiceUnavailable)
	s.plugIdle()
	s.is("stat -L -c '%G %a' "+adapter("TB0001"), "dialout 660")
	s.payment("booted, plugged in after the service started", simulate.Approved)
	s.plugKnown() // by another driver, cdc_acm, which is loaded only now
	if said := s.within("stty -F /dev/ttyACM0 speed"); said != "9600" {
		s.t.Errorf("/dev/ttyACM0, opened within the service's device policy: %q", said)
	}
	s.unplugKnown()
	s.t.Logf("note: booted systemd: the service serves %.0f s after the kernel's start (%.0f s for the whole of going down and coming up); an adapter whose driver is loaded later takes payments %.1f s after it has appeared",
		float64(micro)/1e6, time.Since(begin).Seconds(), s.ready[len(s.ready)-1].Seconds())
}

// upgraded carries out an upgrade while the terminal waits for a card, which is presented once the old program has ended
// or the new one serves.
func (s *packagedShop) upgraded(phase, command string, between bool) {
	s.t.Helper()
	uuid, minor := s.byHand(phase)
	mark, begin := s.sofar(), time.Now()
	s.g.must("(sh -c '" + command + " >/root/said 2>&1; echo $? >/root/code' &)")
	if between {
		s.said(mark, "Stopped tillbridge.service")
		s.tap(phase)
	}
	if code := s.g.must("until [ -s /root/code ]; do sleep 0.2; done; cat /root/code; rm /root/code"); code != "0" {
		s.t.Fatalf("%s: %s ends with %s: %s", phase, command, code, s.g.must("cat /root/said"))
	}
	s.pid = s.serves(s.pid)
	took := time.Since(begin)
	s.is("tillbridge version | cut -d' ' -f2", "99.0")
	s.is("readlink /proc/"+s.pid+"/exe", "/usr/bin/tillbridge")
	if !between {
		s.tap(phase)
	}
	s.settle(phase, uuid, simulate.Approved, minor)
	s.isReady()
	s.t.Logf("note: booted systemd: %s: %.1f s until it serves again", phase, took.Seconds())
}

// openPackagedShop boots the guest, in which nothing of the bridge is yet.
func openPackagedShop(t testing.TB, folder, packages string) *packagedShop {
	t.Helper()
	s := &packagedShop{plugShop: newPlugShop(t, sim.Options{T2: 2 * time.Second, T3: 2 * time.Second, CardTimeout: patience})}
	s.boot(folder, vmOutside)
	s.prepare(packages)
	return s
}
