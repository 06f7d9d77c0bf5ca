package doctor

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"tillbridge/bridge/journal"
)

func TestParseTCPTable(t *testing.T) {
	got := map[string]string{}
	for _, text := range []string{procTCP, procTCP6} {
		parseTCPTable(text, func(a netip.AddrPort, inode string) { got[inode] = a.String() })
	}
	if want := map[string]string{"2003805": "127.0.0.1:8473", "4711": "[::1]:8474"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestListeners finds a socket of this process in the kernel's tables.
func TestListeners(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := netip.MustParseAddrPort(l.Addr().String())
	all, err := listeners(t.Context(), at.Port())
	if err != nil || !slices.ContainsFunc(all, func(x Listener) bool { return x.Address == at && x.By.PID == os.Getpid() && x.By.Name != "" }) {
		t.Errorf("%v %v, want %s of process %d", all, err, at, os.Getpid())
	}
}

// TestJournalHolder finds the holder of a journal, and changes nothing.
func TestJournalHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if p, held, err := journalHolder(path); held || err != nil {
		t.Errorf("without a journal: %v %t %v", p, held, err)
	}
	j, err := journal.Open(t.Context(), path, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p, held, err := journalHolder(path); !held || err != nil || p.PID != os.Getpid() {
		t.Errorf("while it is open: %v %t %v, want process %d", p, held, err, os.Getpid())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if p, held, err := journalHolder(path); held || err != nil {
		t.Errorf("once it is closed: %v %t %v", p, held, err)
	}
}

// TestThisSystem asks this machine what a test may ask.
func TestThisSystem(t *testing.T) {
	s := ThisSystem(nil)
	if d, err := s.Disk(t.TempDir()); err != nil || d.FreeBytes <= 0 || d.ReadOnly {
		t.Errorf("disk: %+v %v", d, err)
	}
	if a, err := s.Addresses(); err != nil || !slices.Contains(a, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("addresses: %v %v", a, err)
	}
	if f, err := s.Stat("/proc/version"); err != nil || f.Owner != "root" || f.Group != "root" {
		t.Errorf("stat: %+v %v", f, err)
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no shell to run")
	}
	if out, code, err := s.Run(t.Context(), "sh", "-c", "echo said; exit 3"); out != "said\n" || code != 3 || err != nil {
		t.Errorf("run: %q %d %v", out, code, err)
	}
	if _, _, err := s.Run(t.Context(), "no-such-command-at-all"); err == nil {
		t.Error("a command that is not there was run")
	}
}
