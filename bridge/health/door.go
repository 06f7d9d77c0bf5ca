package health

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Prefix is where the door is on the counter screen's port.
const Prefix = "/local/v1/"

// The header fields of question and answer.
const (
	nonceField = "X-Tillbridge-Nonce"
	proofField = "X-Tillbridge-Proof"
)

// FileName is the file beside a journal that leads to its bridge's door.
func FileName(journal string) string { return journal + ".door" }

// address is the content of the file.
type address struct {
	PID     int    `json:"pid"`
	Address string `json:"address"` // of the counter screen, host:port
	TLS     bool   `json:"tls"`
	Key     string `json:"key"` // hex
}

// Door answers the tools on the same computer. It is an http.Handler for everything below Prefix.
type Door struct {
	key   []byte
	told  map[string]func() any
	kept  string // the file; empty while there is none
	keyed string // its content
}

// NewDoor makes a door with a key of its own, that tells facts and trace when it is asked. Both must be safe in any
// goroutine.
func NewDoor(facts func() Facts, trace func() []Traced) *Door {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it ends the process rather than fail
	return &Door{key: key, told: map[string]func() any{
		"health": func() any { return facts() },
		"trace":  func() any { return trace() },
	}}
}

// Open keeps the way to the door beside the journal, readable to this user alone, in place of one that an earlier run
// left. The counter screen listens at the address.
func (d *Door) Open(journal string, counter net.Addr, tls bool) error {
	b, err := json.Marshal(address{PID: os.Getpid(), Address: dialable(counter), TLS: tls, Key: hex.EncodeToString(d.key)})
	if err != nil {
		return err
	}
	path := FileName(journal)
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keep the way to the bridge's health: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep the way to the bridge's health: %w", err), os.Remove(f.Name()))
	}
	d.kept, d.keyed = path, string(b)+"\n"
	return nil
}

// Close takes the file away, unless it is another bridge's by now.
func (d *Door) Close() error {
	if d.kept == "" {
		return nil
	}
	path := d.kept
	d.kept = ""
	if b, err := os.ReadFile(path); err != nil || string(b) != d.keyed {
		return nil // gone, or not ours
	}
	return os.Remove(path)
}

// dialable is an address that can be dialled from this computer.
func dialable(a net.Addr) string {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil || !p.Addr().IsUnspecified() {
		return a.String()
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	if p.Addr().Is6() {
		loopback = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(loopback, p.Port()).String()
}

// ServeHTTP answers whoever proves to know the key: 200 with JSON; 403 without a proof; 404, 405.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := strings.TrimPrefix(r.URL.Path, Prefix)
	nonce := r.Header.Get(nonceField)
	proof, err := hex.DecodeString(r.Header.Get(proofField))
	if err != nil || len(nonce) < 32 || len(nonce) > 128 || !hmac.Equal(proof, d.proof("ask", what, nonce, nil)) {
		http.Error(w, "This is for tillbridge status and tillbridge doctor on the same computer.", http.StatusForbidden)
		return
	}
	tell, known := d.told[what]
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "This can only be read.", http.StatusMethodNotAllowed)
		return
	case !known:
		http.Error(w, "This bridge does not tell that.", http.StatusNotFound)
		return
	}
	b, err := json.Marshal(tell())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(proofField, hex.EncodeToString(d.proof("answer", what, nonce, b)))
	_, _ = w.Write(b) // who has gone needs no answer
}

func (d *Door) proof(kind, what, nonce string, body []byte) []byte {
	return prove(d.key, kind, what, nonce, body)
}

// prove shows that its maker knows the key and means this question, or this answer to it.
func prove(key []byte, kind, what, nonce string, body []byte) []byte {
	sum := sha256.Sum256(body)
	m := hmac.New(sha256.New, key)
	for _, part := range []string{kind, what, nonce} {
		fmt.Fprintf(m, "%d:%s,", len(part), part)
	}
	m.Write(sum[:])
	return m.Sum(nil)
}
