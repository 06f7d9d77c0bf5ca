package main

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// journalSums are the checksums of what must outlive the packages.
const journalSums = "cd /var/lib/tillbridge && sha256sum journal.db*"

// removeDeb removes the package. Settings, passcode and journal stay.
func (s *packagedShop) removeDeb() {
	s.t.Helper()
	const kept = "cd /etc/tillbridge && sha256sum config.yaml passcode"
	before := s.g.must(kept)
	mark := s.sofar()
	s.g.must("dpkg -r tillbridge")
	s.said(mark, "Stopped tillbridge.service")
	s.gone()
	s.is(kept, before)
}

// gone looks at a system from which the package was removed.
func (s *packagedShop) gone() {
	s.t.Helper()
	s.is("systemctl is-active tillbridge || true", "inactive")
	s.is("[ -d /proc/"+s.pid+" ] || echo gone", "gone")
	s.is("ls /usr/bin/tillbridge /usr/lib/systemd/system/tillbridge.service 2>/dev/null | wc -l", "0")
	s.is("systemctl is-enabled tillbridge 2>/dev/null | grep -c enabled || true", "0")
	if status, said := s.probe(); status != 0 {
		s.t.Errorf("MGR's door is served without the package: %d %s", status, said)
	}
	s.is("stat -c '%a %U' /var/lib/tillbridge", "700 tillbridge")
}

// purgeDeb purges the package. The journal stays, byte for byte.
func (s *packagedShop) purgeDeb() {
	s.t.Helper()
	s.g.must("cp -a /etc/tillbridge /root/settings")
	before := s.g.must(journalSums)
	if said := s.g.must("dpkg -P tillbridge"); !strings.Contains(said, "is kept in /var/lib/tillbridge") {
		s.t.Errorf("purge does not say where the journal lies: %s", said)
	}
	s.is(journalSums, before)
	s.is("[ -e /etc/tillbridge ] || echo gone", "gone")
	s.is("find /etc/systemd /var/lib/systemd -name '*tillbridge*'", "")
	s.t.Log("note: booted systemd: the .deb was removed and purged, the journal is the same to the byte")
}

// installRPM installs the old .rpm by rpm, without the dependencies that a Debian does not name, on the journal of
// before. The shop puts its settings and MGR's passcode back, and starts it.
func (s *packagedShop) installRPM() {
	s.t.Helper()
	before := s.g.must(journalSums)
	begin := time.Now()
	said := s.g.must("rpm --initdb && rpm -i --nodeps --nosignature /host/old.rpm")
	if !strings.Contains(said, "takes no payment before a terminal is set up") {
		s.t.Errorf("the first installation of the .rpm says %s", said)
	}
	s.is("systemctl is-enabled tillbridge", "enabled")
	s.is("systemctl is-active tillbridge || true", "inactive")
	s.is("stat -c '%a %U:%G' /etc/tillbridge/passcode /etc/tillbridge/config.yaml | uniq", "640 root:tillbridge")
	if fresh := s.g.must("cat /etc/tillbridge/passcode"); !regexp.MustCompile(`^[a-km-np-z2-9]{32}$`).MatchString(fresh) || fresh == s.passcode {
		s.t.Error("the .rpm makes no passcode of its own")
	}
	s.is(journalSums, before)
	s.g.must("cat /root/settings/config.yaml >/etc/tillbridge/config.yaml; cat /root/settings/passcode >/etc/tillbridge/passcode; tillbridge check")
	took := time.Since(begin)
	s.g.must("tillbridge start")
	s.pid = s.serves("")
	s.isReady()
	page := s.g.must(`exec 3<>/dev/tcp/127.0.0.1/8474; printf 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3; head -n 1 <&3; exec 3>&-`)
	if !regexp.MustCompile(`^HTTP/1\.[01] (200|30[23]) `).MatchString(page) {
		s.t.Errorf("the counter screen answers %q", page)
	}
	s.is(`tillbridge payments list --limit 1000 --json | grep -oE '00000000-0000-4000-8000-[0-9]{12}' | sort -u | wc -l`, strconv.Itoa(len(s.done)))
	s.t.Logf("note: booted systemd: rpm -i took %.1f s; its service serves on the journal that the .deb left", took.Seconds())
}

// removeRPM removes the .rpm. The journal stays, the passcode, and changed settings under another name.
func (s *packagedShop) removeRPM() {
	s.t.Helper()
	mark := s.sofar()
	begin := time.Now()
	if said := s.g.must("rpm -e tillbridge"); !strings.Contains(said, "is kept in /var/lib/tillbridge") {
		s.t.Errorf("the removal of the .rpm does not say where the journal lies: %s", said)
	}
	s.said(mark, "Stopped tillbridge.service")
	s.gone()
	s.is("cat /etc/tillbridge/passcode", s.passcode)
	s.is("cmp /etc/tillbridge/config.yaml.rpmsave /root/settings/config.yaml && echo same", "same")
	s.t.Logf("note: booted systemd: the .rpm was removed in %.1f s, the journal stays", time.Since(begin).Seconds())
}
