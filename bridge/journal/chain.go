package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// digest is a SHA-256 sum.
type digest = [sha256.Size]byte

// seed is what the first entry of a payment carries as the digest before it.
func seed(uuid string) digest {
	return sha256.Sum256([]byte("tillbridge journal 1\x00" + uuid))
}

// record is one entry as it is stored.
type record struct {
	seq   int
	at    int64 // unix microseconds
	kind  string
	state string
	body  []byte
	prev  []byte
}

// sum is the digest of everything that the entry holds, the digest before it included. Each part is led by
// its length, so that no two entries have the same bytes.
func (r record) sum() digest {
	h := sha256.New()
	var n [8]byte
	number := func(v uint64) {
		binary.BigEndian.PutUint64(n[:], v)
		h.Write(n[:])
	}
	number(uint64(r.seq))
	number(uint64(r.at))
	for _, part := range [][]byte{[]byte(r.kind), []byte(r.state), r.body, r.prev} {
		number(uint64(len(part)))
		h.Write(part)
	}
	return digest(h.Sum(nil))
}

// event is the event that the entry tells.
func (r record) event() (bridge.Event, error) {
	kind, err := bridge.ParseEventKind(r.kind)
	if err != nil {
		return bridge.Event{}, err
	}
	var e bridge.Event
	if err := json.Unmarshal(r.body, &e); err != nil {
		return bridge.Event{}, fmt.Errorf("body: %w", err)
	}
	e.Kind, e.At = kind, fromMicro(r.at)
	return e, nil
}

// The longest texts that an entry keeps, in bytes. Longer ones are cut: what happened is kept in any case.
const (
	maxWords = 1 << 10 // sentences
	maxRaw   = 4 << 10 // the deciding message in hex
	maxName  = 256     // codes, names, references
)

// encode makes the entry's body, and returns the event as it will be read back: texts cut to what is kept, no
// broken characters, microseconds.
func encode(e bridge.Event) (bridge.Event, []byte, error) {
	e.Reason = cut(e.Reason, maxWords)
	if e.Result != nil {
		r := *e.Result
		r.Text, r.Raw = cut(r.Text, maxWords), cut(r.Raw, maxRaw)
		for _, s := range []*string{&r.AuthCode, &r.TxnRef, &r.TerminalID, &r.CardName, &r.CardLast4, &r.Code} {
			*s = cut(*s, maxName)
		}
		r.Mark = terminal.Mark(cut(string(r.Mark), maxWords))
		if y := r.TerminalTime.Year(); y < 0 || y > 9999 {
			r.TerminalTime = time.Time{} // no time that can be written; what happened counts more
		}
		e.Result = &r
	}
	if e.Person != nil {
		p := *e.Person
		p.Name, p.Evidence, p.AuthCode, p.TxnRef = cut(p.Name, maxName), cut(p.Evidence, maxWords), cut(p.AuthCode, maxName), cut(p.TxnRef, maxName)
		e.Person = &p
	}
	body, err := json.Marshal(e)
	if err != nil {
		return e, nil, fmt.Errorf("write %s as an entry: %w", e.Kind, err)
	}
	back, err := record{at: e.At.UnixMicro(), kind: e.Kind.String(), body: body}.event()
	if err != nil {
		return e, nil, fmt.Errorf("read %s back: %w", e.Kind, err)
	}
	return back, body, nil
}

// cut bounds a text without breaking a character.
func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "")
}

func fromMicro(n int64) time.Time { return time.UnixMicro(n).UTC() }
