package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

// BenchmarkDoor is MGR's webhook to its 202 at 50 requests a second, each a new payment that a terminal takes and
// approves: alone, and while others show wrong passcodes. One iteration is one webhook.
func BenchmarkDoor(b *testing.B) {
	exe := shipped(b)
	for _, x := range []struct {
		name  string
		flood int // connections
	}{{"quiet", 0}, {"flood64", 64}, {"flood128", 128}} {
		b.Run(x.name, func(b *testing.B) { door(b, exe, x.flood) })
	}
}

func door(b *testing.B, exe string, connections int) {
	const terminals, every = 64, 20 * time.Millisecond
	s := newShop(b, exe, "", onTCP(b, terminals)...)
	s.open()
	stop := func() int { return 0 }
	if connections > 0 {
		stop = floodOf(b, s.door, connections)
		b.Cleanup(func() { stop() })
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	var took []time.Duration
	var accepted []string
	refused := map[string]int{}
	n := 0
	tick := time.NewTicker(every)
	defer tick.Stop()
	began := time.Now()
	for b.Loop() {
		<-tick.C
		n++
		uuid, at := benchUUID(n), fmt.Sprintf("t%d", n%terminals+1)
		// No call waits for the one before: a door that is slow is called all the same.
		all.Go(func() {
			status, posted, answered, err := s.charge(at, uuid)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || status != http.StatusAccepted {
				refused[fmt.Sprint(status, err)]++
				return
			}
			took = append(took, answered.Sub(posted))
			accepted = append(accepted, uuid)
		})
	}
	lasted := time.Since(began)
	all.Wait()
	wrong := stop()
	for _, uuid := range accepted {
		if err := s.outcome(uuid); err != nil {
			b.Fatal(err)
		}
	}
	if len(refused) > 0 {
		b.Logf("not accepted, by answer: %v", refused)
	}
	report(b, "", took)
	b.ReportMetric(float64(n)/lasted.Seconds(), "webhooks/s")
	b.ReportMetric(float64(n-len(took)), "refused")
	b.ReportMetric(float64(wrong)/lasted.Seconds(), "wrong/s")
}

// The settings of TestFlood, which it finds in its environment.
const floodDoor, floodConnections = "TILLBRIDGE_FLOOD_DOOR", "TILLBRIDGE_FLOOD_CONNECTIONS"

// floodOf knocks with wrong passcodes on a number of connections, on each as fast as it is answered, until the
// returned function is called, which tells how many were answered. It does so in a process of its own, where it
// does not keep the webhooks from being sent.
func floodOf(b *testing.B, door string, connections int) (stop func() int) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestFlood$", "-test.v")
	cmd.Env = append(os.Environ(), floodDoor+"="+door, fmt.Sprintf("%s=%d", floodConnections, connections))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return sync.OnceValue(func() int {
		err := errors.Join(in.Close(), cmd.Wait())
		m := regexp.MustCompile(`answered (\d+)`).FindStringSubmatch(out.String())
		if err != nil || m == nil {
			b.Errorf("flood: %v\n%s", err, out.String())
			return 0
		}
		n, _ := strconv.Atoi(m[1]) // digits
		return n
	})
}

// TestFlood is the process that floodOf starts. It ends when its standard input does.
func TestFlood(t *testing.T) {
	door := os.Getenv(floodDoor)
	if door == "" {
		t.Skip("this is a part of BenchmarkDoor")
	}
	connections, err := strconv.Atoi(os.Getenv(floodConnections))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	answered := make([]int, connections)
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() {
			for ctx.Err() == nil {
				answered[i] += knock(ctx, door)
			}
		})
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	cancel()
	all.Wait()
	n := 0
	for _, a := range answered {
		n += a
	}
	if err != nil || n == 0 {
		t.Fatalf("no wrong passcode was answered, %v", err)
	}
	fmt.Printf("answered %d\n", n)
}

// knock shows wrong passcodes on one connection until that ends.
func knock(ctx context.Context, door string) (answered int) {
	conn, err := net.Dial("tcp", door)
	if err != nil {
		return 0
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	body, _ := json.Marshal(map[string]any{"amount": 1, "customer_uuid": "c", "payment_uuid": "wrong"}) // it cannot fail
	call := fmt.Appendf(nil, "POST /mgr/t1 HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nX-MGR-PASSCODE: not the passcode\r\nContent-Length: %d\r\n\r\n%s",
		door, len(body), body)
	for answers := bufio.NewReader(conn); ; answered++ {
		if _, err := conn.Write(call); err != nil {
			return answered
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			return answered
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode == http.StatusAccepted || resp.Close {
			return answered + 1
		}
	}
}
