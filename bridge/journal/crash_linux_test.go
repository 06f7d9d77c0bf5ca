package journal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tillbridge/bridge"
)

// A process that appends is stopped at a random moment, its journal and log are copied as they are then, and
// it goes on; at the end it is killed. Every append that had returned by then is in the copy, and its chains
// are whole.
func TestCrashAtRandomMoments(t *testing.T) {
	seed := chance(t)
	random := rand.New(rand.NewPCG(seed, 2))
	snapshots, appends := 0, 0
	for range 4 {
		s, a := crashRound(t, random)
		snapshots += s
		appends += a
	}
	t.Logf("%d snapshots, %d appends checked", snapshots, appends)
	if appends < 500 {
		t.Errorf("only %d appends were checked", appends)
	}
}

func crashRound(t *testing.T, random *rand.Rand) (snapshots, appends int) {
	dir := memoryDir(t)
	path := filepath.Join(dir, "journal.db")
	acks, err := os.Create(filepath.Join(dir, "acks"))
	if err != nil {
		t.Fatal(err)
	}
	defer acks.Close()
	c := child(t, "append", path)
	c.ExtraFiles = []*os.File{acks}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(lines)
		in := bufio.NewScanner(out)
		for in.Scan() {
			lines <- struct{}{}
		}
	})
	// await lets the child append some more and then a little time pass, so that it is met anywhere in an append.
	await := func() {
		for range 1 + random.IntN(160) {
			if _, ok := <-lines; !ok {
				t.Fatal("the child ended by itself")
			}
		}
		moment := time.NewTimer(time.Duration(random.IntN(400)) * time.Microsecond)
		for {
			select {
			case <-moment.C:
				return
			case <-lines:
			}
		}
	}
	check := func() {
		copied := filepath.Join(memoryDir(t), "journal.db")
		copyFile(t, path, copied)
		copyFile(t, path+"-wal", copied+"-wal")
		appends += acked(t, acks.Name(), open(t, copied))
		snapshots++
	}
	for range 6 {
		await()
		if err := c.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(c.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
			t.Fatalf("the child did not stop: %v", err)
		}
		check()
		if err := c.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	await()
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for range lines { // the reader must not block on its way to the end
		continue
	}
	reader.Wait()
	if err := c.Wait(); err == nil {
		t.Error("the child was killed and reports no error")
	}
	check()
	return snapshots, appends
}

// acked checks that a journal has every append that was acknowledged, and is whole; it returns their number.
func acked(t *testing.T, acks string, j *Journal) int {
	t.Helper()
	b, err := os.ReadFile(acks)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	all := strings.SplitAfter(string(b), "\n")
	n := 0
	for _, line := range all {
		var id string
		var entries int
		if !strings.HasSuffix(line, "\n") {
			continue
		}
		if _, err := fmt.Sscan(line, &id, &entries); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		told[id] = max(told[id], entries)
		n++
	}
	for id, entries := range told {
		if p := read(t, j, id); p.Entries < entries || p.Entries > entries+1 {
			t.Errorf("payment %s has %d entries, %d were acknowledged", id, p.Entries, entries)
		}
	}
	verified(t, j)
	return n
}

// appendChild appends payments, two at a time as two terminals do, and tells of each append that returned.
func appendChild(args []string) error {
	j, err := Open(context.Background(), args[0], Options{ReserveBytes: 1 << 16})
	if err != nil {
		return err
	}
	acks := os.NewFile(3, "acks")
	var mu sync.Mutex
	var all sync.WaitGroup
	failed := make(chan error, 2)
	for w := range 2 {
		all.Go(func() {
			for n := w; ; n += 2 {
				var p bridge.Payment
				for _, e := range approved(n) {
					tr, err := bridge.Step(p, e)
					if err == nil {
						err = j.Append(context.Background(), tr)
					}
					if err != nil {
						failed <- err
						return
					}
					p = tr.After
					mu.Lock()
					_, err = fmt.Fprintf(acks, "%s %d\n", p.UUID, p.Entries)
					if err == nil {
						_, err = fmt.Println()
					}
					mu.Unlock()
					if err != nil {
						failed <- err
						return
					}
				}
			}
		})
	}
	all.Wait()
	return <-failed
}
