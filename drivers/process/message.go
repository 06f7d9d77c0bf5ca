package process

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"tillbridge/terminal"
)

const (
	version  = 1        // of the protocol
	lineMost = 64 << 10 // bytes of a line with its end
	textMost = 500      // bytes of a text for people
)

// Types of messages. See PROTOCOL.md.
const (
	typeHello    = "hello"     // both ways: the handshake
	typePay      = "pay"       // to the program
	typeRecover  = "recover"   // to the program
	typeReadMark = "read_mark" // to the program
	typeCancel   = "cancel"    // to the program, unanswered
	typeSeen     = "seen"      // from it: a result to be recorded; to it: whether it was
	typeMark     = "mark"      // from it: a newer mark; to it: whether it was recorded
	typeProgress = "progress"  // from it
	typeReceipt  = "receipt"   // from it
	typeResult   = "result"    // from it: the end of a request
	typeError    = "error"     // from it: the end of a request
)

// Abilities that a program may have beside paying.
const (
	abilityCancel = "cancel"
	abilityMark   = "mark"
)

// message is a line in either direction. Fields that a type does not have are left out, and unknown ones passed over.
type message struct {
	Type string `json:"type"`
	// ID is the number of the request that a message belongs to, rising from 1; 0 in the handshake.
	ID int64 `json:"id,omitempty"`

	// hello, to the program
	Versions []int             `json:"versions,omitempty"`
	Currency *currency         `json:"currency,omitempty"`
	Settings map[string]string `json:"settings,omitempty"`
	// hello, from it
	Version    int      `json:"version,omitempty"`
	Name       string   `json:"name,omitempty"`
	Evidence   []string `json:"evidence,omitempty"`
	Abilities  []string `json:"abilities,omitempty"`
	TerminalID string   `json:"terminal_id,omitempty"`

	// pay and recover
	Reference string           `json:"reference,omitempty"`
	Minor     int64            `json:"amount_minor,omitempty"`
	Armed     *time.Time       `json:"armed,omitempty"`
	Mark      terminal.Mark    `json:"mark,omitempty"`
	Seen      *terminal.Result `json:"seen,omitempty"`

	Stage   string            `json:"stage,omitempty"` // progress
	Text    string            `json:"text,omitempty"`  // progress, error, and why something was not recorded
	Receipt *terminal.Receipt `json:"receipt,omitempty"`
	Result  *terminal.Result  `json:"result,omitempty"`   // seen, result
	OK      bool              `json:"ok,omitempty"`       // whether it was recorded
	NotSent bool              `json:"not_sent,omitempty"` // error: no byte of the payment was handed to the line
	Busy    bool              `json:"busy,omitempty"`     // error: ask again later
	Refused bool              `json:"refused,omitempty"`  // error: the terminal refuses to tell
}

type currency struct {
	Code    string `json:"code"`
	Numeric int    `json:"numeric"`
	Digits  int    `json:"digits"`
}

// encode is a line.
func encode(m message) ([]byte, error) {
	b, err := json.Marshal(m)
	if err == nil && len(b) >= lineMost {
		err = fmt.Errorf("a %s of %d bytes is longer than a line may be", m.Type, len(b))
	}
	return append(b, '\n'), err
}

// newReader reads lines of at most lineMost bytes.
func newReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, lineMost) }

// decode reads the next line. io.EOF is the end between two lines.
func decode(r *bufio.Reader) (m message, err error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return m, fmt.Errorf("a line is longer than %d bytes", lineMost)
	case errors.Is(err, io.EOF) && len(line) > 0:
		return m, io.ErrUnexpectedEOF
	case err != nil:
		return m, err
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return m, fmt.Errorf("a line is no message: %w", err)
	}
	return m, nil
}

// stage reads a stage's word; one that is not known is Working.
func stage(word string) terminal.Stage {
	for s := terminal.Working; s <= terminal.Acknowledged; s++ {
		if s.String() == word {
			return s
		}
	}
	return terminal.Working
}

// clip makes a text of the program fit for people.
func clip(s string) string { return terminal.Tidy(s, textMost) }
