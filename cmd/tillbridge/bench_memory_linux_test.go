package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkMemory is the program's resident memory with 1 and with 64 terminals on pseudo-terminals, and the size of its
// file. MB are millions of bytes. One iteration is a life of the program with 100 payments.
func BenchmarkMemory(b *testing.B) {
	exe := shipped(b)
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { memory(b, exe, n) })
	}
}

func memory(b *testing.B, exe string, terminals int) {
	info, err := os.Stat(exe)
	if err != nil {
		b.Fatal(err)
	}
	var idle, later, peak float64
	for b.Loop() {
		s := newShop(b, exe, "", onPTY(b, terminals, nil)...)
		s.open()
		idle = s.settled()
		for n := range 100 {
			at := fmt.Sprintf("t%d", n%terminals+1)
			s.take(at, benchUUID(n), func() {})
			if err := s.outcome(benchUUID(n)); err != nil {
				b.Fatal(err)
			}
		}
		later = s.settled()
		peak = s.memory("VmHWM")
		s.program.kill()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(idle, "idle-MB")
	b.ReportMetric(later, "after-100-MB")
	b.ReportMetric(peak, "peak-MB")
	b.ReportMetric(float64(info.Size())/1e6, "file-MB")
}

// settled is the resident memory after at least ten seconds, once it has not changed by a hundredth for two.
func (s *shop) settled() (megabytes float64) {
	s.b.Helper()
	begin := time.Now()
	still := begin
	last := s.memory("VmRSS")
	s.until("the memory settles", func() bool {
		now := s.memory("VmRSS")
		if d := now - last; d*100 > last || -d*100 > last {
			still, last = time.Now(), now
		}
		return time.Since(begin) >= 10*time.Second && time.Since(still) >= 2*time.Second
	})
	return last
}

// memory is a field of the program's status, as proc_pid_status(5) tells it.
func (s *shop) memory(field string) (megabytes float64) {
	s.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.program.cmd.Process.Pid))
	if err != nil {
		s.b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			if err != nil {
				s.b.Fatal(err)
			}
			return kib * 1024 / 1e6
		}
	}
	s.b.Fatalf("the status of the program has no %s", field)
	return 0
}
