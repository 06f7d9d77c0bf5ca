//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var (
	powerImages = flag.Int("powercut-images", 14, "how many images TestTorturePowerCuts makes of one power cut")
	powerShops  = flag.Int("powercut-shops", 6, "how many shops TestTorturePowerCuts has open at a time")
)

const (
	// powerAShop is how many payments a shop makes on one disk.
	powerAShop = 3
	// powerPlanted is how many shops at most a planted bug is looked for in.
	powerPlanted = 10
	// powerForgets is of how many requests a disk without flushes has carried out nothing for sure.
	powerForgets = 20

	powerFolderVariable = "TILLBRIDGE_POWERCUT_FOLDER" // set inside: the folder for everything
	powerExeVariable    = "TILLBRIDGE_POWERCUT_EXE"    // set inside: the program
)

// TestTorturePowerCuts cuts the power of the computer that the built program runs on, in every payment. The journal is
// on a file system whose disk logs each request. A power cut kills the program, and leaves one of the disks behind
// that the log allows: everything up to a flush, and any sectors of what came after it. Many such disks are made of
// each cut, and of earlier moments of the same life. Each is mounted, the journal in it is opened, checked, and
// compared with what MGR, the terminal and the log of the program had been told by then. With one of each cut the
// computer goes on, and in the end the three ledgers are compared as in TestTortureKills.
//
//	TILLBRIDGE_POWERCUTS  images to judge at least; the test is skipped without it
//	TILLBRIDGE_SEED       what the plans are made of; of the clock where it is not set
//	TILLBRIDGE_SHOP       only that shop, to see a broken promise again
func TestTorturePowerCuts(t *testing.T) {
	most := powerCutsWanted(t)
	if os.Getenv(powerFolderVariable) == "" {
		enclose(t, binary(t))
		return
	}
	run := newPowerRun(t)
	began := time.Now()
	first, only := 0, fromEnv(t, "TILLBRIDGE_SHOP", -1)
	if only >= 0 {
		first = only
	}
	next := atomic.Int64{}
	next.Store(int64(first))
	var all sync.WaitGroup
	for range max(1, min(*powerShops, 1+most/100)) {
		all.Go(func() {
			for n := int(next.Add(1)) - 1; run.tally.more(most) && (only < 0 || n == only); n = int(next.Add(1)) - 1 {
				run.shop(n)
			}
		})
	}
	all.Wait()
	t.Logf("note: power cuts: seed %d, %s in %.0f s", run.seed, run.tally, time.Since(began).Seconds())
}

// TestTorturePowerCutsSee plants what breaks promises, in the program and in the disk, and expects it to be found.
func TestTorturePowerCutsSee(t *testing.T) {
	powerCutsWanted(t)
	for _, x := range []struct {
		name  string
		exe   func(*testing.T) string
		plant func(*powerRun)
	}{
		{"journal without syncs", carelessBinary, func(*powerRun) {}},
		{"disk without flushes", func(t *testing.T) string { return binary(t) }, func(r *powerRun) { r.forgets = powerForgets }},
	} {
		t.Run(x.name, func(t *testing.T) {
			if os.Getenv(powerFolderVariable) == "" {
				enclose(t, x.exe(t))
				return
			}
			run := newPowerRun(t)
			run.planted = true
			x.plant(run)
			for n := range powerPlanted {
				if err := run.shop(n); errors.Is(err, errPromise) {
					_, why, _ := strings.Cut(err.Error(), errPromise.Error()+": ")
					why, _, _ = strings.Cut(why, "\n")
					t.Logf("note: power cuts: planted: a %s, found in shop %d after %d whole images: %s", x.name, n, run.tally.images, why)
					return
				}
			}
			t.Errorf("seed %d: a %s was not found in %d shops: %s", run.seed, x.name, powerPlanted, run.tally)
		})
	}
}

func powerCutsWanted(t *testing.T) int {
	t.Helper()
	n := fromEnv(t, "TILLBRIDGE_POWERCUTS", 0)
	if n == 0 {
		t.Skip("skipped: TILLBRIDGE_POWERCUTS does not say how many images to judge (500 take some minutes, as root)")
	}
	return n
}

// carelessBinary builds the program with a journal that SQLite does not sync at each commit.
func carelessBinary(t *testing.T) string {
	t.Helper()
	source, err := filepath.Abs("../../bridge/journal/connect.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	careless := string(text)
	for _, x := range [][2]string{{`"synchronous(FULL)"`, `"synchronous(NORMAL)"`}, {`{"synchronous", "2"}`, `{"synchronous", "1"}`}} {
		if strings.Count(careless, x[0]) != 1 {
			t.Fatalf("%s does not say %s once", source, x[0])
		}
		careless = strings.Replace(careless, x[0], x[1], 1)
	}
	dir := t.TempDir()
	changed, overlay, exe := filepath.Join(dir, "connect.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "tillbridge")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: changed}})
	if err == nil {
		err = errors.Join(os.WriteFile(changed, []byte(careless), 0o600), os.WriteFile(overlay, list, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", exe, "tillbridge/cmd/tillbridge").CombinedOutput(); err != nil {
		t.Fatalf("build the careless program: %v\n%s", err, out)
	}
	return exe
}

// enclose runs the test again in a process whose mounts and children nobody else has and which end with it, however
// it ends: nothing can be left behind but an empty folder.
func enclose(t *testing.T, exe string) {
	t.Helper()
	needs := map[string]string{"mke2fs": "e2fsprogs", "e2fsck": "e2fsprogs"}
	for tool, of := range needs {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing, which the package %s has (and /usr/sbin must be in PATH)", tool, of)
		}
	}
	for _, dev := range []string{"/dev/fuse", "/dev/loop-control"} {
		if f, err := os.OpenFile(dev, os.O_RDWR, 0); err != nil {
			t.Fatalf("power cuts need root, and a kernel with FUSE, loop devices and ext4: %v", err)
		} else {
			_ = f.Close() // nothing was written
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	seed := fromEnv(t, "TILLBRIDGE_SEED", int(time.Now().UnixNano()>>10&0xFFFFFF))
	t.Logf("seed %d", seed)
	cmd := exec.Command(self, "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v", "-test.timeout=0",
		"-powercut-images="+strconv.Itoa(*powerImages), "-powercut-shops="+strconv.Itoa(*powerShops))
	cmd.Env = append(os.Environ(), powerFolderVariable+"="+t.TempDir(), powerExeVariable+"="+exe, "TILLBRIDGE_SEED="+strconv.Itoa(seed))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is of the thread
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, out)
	}
	notes := regexp.MustCompile(`note: .*`).FindAllString(string(out), -1)
	if len(notes) == 0 {
		t.Fatalf("the test ran inside and says nothing:\n%s", out)
	}
	t.Log(strings.Join(notes, "\n"))
}

// powerRun is one run of the test, inside.
type powerRun struct {
	t           *testing.T
	exe, folder string
	seed        uint64
	kinds       []fileSystemKind
	empty       map[string]diskImage // by the file system's name
	judges      chan struct{}        // as many at a time
	planted     bool                 // a bug is planted, and to be found
	forgets     int                  // the disk's last so many requests are not sure, flushed or not
	tally       *powerTally
}

// newPowerRun makes the run's folder, in memory, and its file systems.
func newPowerRun(t *testing.T) *powerRun {
	t.Helper()
	r := &powerRun{
		t: t, exe: os.Getenv(powerExeVariable), folder: os.Getenv(powerFolderVariable), seed: uint64(fromEnv(t, "TILLBRIDGE_SEED", 0)),
		kinds: fileSystems(), empty: map[string]diskImage{}, judges: make(chan struct{}, runtime.NumCPU()), tally: newPowerTally(),
	}
	if err := syscall.Mount("tillbridge-powercut", r.folder, "tmpfs", 0, "size=8g,mode=0700"); err != nil {
		t.Fatal(os.NewSyscallError("mount tmpfs", err))
	}
	for _, k := range r.kinds {
		m, err := makeFileSystem(filepath.Join(r.folder, "empty"), k)
		if err != nil {
			t.Fatal(err)
		}
		r.empty[k.name] = m
	}
	return r
}

// fileSystems are those that journals are put on. The usual one is there more than once, and xfs where the machine has
// the package xfsprogs.
func fileSystems() []fileSystemKind {
	ext4 := func(name, block, options string) fileSystemKind {
		return fileSystemKind{
			name: name, kind: "ext4", options: options, repair: []string{"e2fsck", "-f", "-y"},
			size: 64 << 20, // enough for a journal with its reserve, and for what it wants to be free
			// Nothing is left to be initialised later, which would only fill the log.
			make: []string{"mke2fs", "-q", "-F", "-t", "ext4", "-b", block, "-E", "lazy_itable_init=0,lazy_journal_init=0"},
		}
	}
	usual := ext4("ext4", "4096", "")
	all := []fileSystemKind{usual, usual, usual, ext4("ext4 of 1 KiB blocks", "1024", ""), ext4("ext4 data=writeback", "4096", "data=writeback")}
	if _, err := exec.LookPath("mkfs.xfs"); err == nil {
		all = append(all, fileSystemKind{name: "xfs", kind: "xfs", options: "nouuid", size: 320 << 20, make: []string{"mkfs.xfs", "-q", "-f"}})
	}
	return all
}

// makeFileSystem makes an empty one.
func makeFileSystem(file string, k fileSystemKind) (_ diskImage, err error) {
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, k.size)); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	if out, err := exec.Command(k.make[0], append(k.make[1:], file)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", k.make[0], err, out)
	}
	return loadImage(file)
}

// shop opens one shop and makes its payments. The first that is broken is its last.
func (r *powerRun) shop(n int) error {
	s, err := openPowerShop(r, n)
	if err != nil {
		return r.broken(n, 0, err, "the shop could not be opened")
	}
	defer func() {
		if err := s.close(); err != nil {
			r.t.Errorf("close shop %d: %v", n, err)
		}
	}()
	var p plan
	for i := 1; i <= powerAShop; i++ {
		if p, err = s.pay(i); err != nil {
			return r.broken(n, i, err, s.shop.tale(p))
		}
	}
	if err := s.verify(); err != nil {
		return r.broken(n, powerAShop, err, s.shop.tale(p))
	}
	return nil
}

func (r *powerRun) broken(shop, payment int, err error, tale string) error {
	r.tally.add(func(t *powerTally) { t.broken++ })
	if r.planted {
		return err
	}
	r.t.Errorf("broken: seed %d, shop %d, payment %d: %v\n%s\nagain: TILLBRIDGE_POWERCUTS=1 TILLBRIDGE_SEED=%d TILLBRIDGE_SHOP=%d go test -count=1 -run '^%s$' -v ./cmd/tillbridge -powercut-images %d",
		r.seed, shop, payment, err, tale, r.seed, shop, r.t.Name(), *powerImages)
	return err
}
