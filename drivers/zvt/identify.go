package zvt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// Times of a search.
const (
	identifyWait = 2500 * time.Millisecond
	identifyEnd  = 5 * time.Second // from the answer, or the last message before the end, to the next
	identifyMost = 64              // messages of the terminal that are heard
)

// asks is what identify may write.
func asks() []terminal.Message {
	const (
		enquiry = "status enquiry (05 01), the question how the terminal is, without a password. It names no amount, books nothing and " +
			"changes no setting, other than a registration (06 00), which is therefore not sent. A terminal that has work of its own to do, " +
			"such as its end of day or an update, may take the question as the time for it, as it does with every till's"
		ack    = "acknowledgement of a frame that came whole. It says that it was received and accepts nothing of what it says"
		answer = "answer (80 00) to the end of the status enquiry, and to the texts before it. The result of a payment (04 0F) never " +
			"gets one: it might make final what nobody has recorded"
	)
	return []terminal.Message{
		{Link: terminal.Serial, Hex: "10 02 05 01 00 10 03 10 06", Words: enquiry},
		{Link: terminal.Serial, Hex: "06", Words: ack},
		{Link: terminal.Serial, Hex: "10 02 80 00 00 10 03 F5 1F", Words: answer},
		{Link: terminal.TCP, Hex: "05 01 00", Words: enquiry},
		{Link: terminal.TCP, Hex: "80 00 00", Words: answer},
	}
}

// identify asks for the status (05 01, PA00P015 ch. 2.55) without a password. An answer, be it a refusal since the
// password is missing, is a frame whose CRC holds, or over TCP one of the few messages of a terminal.
//
// A line at another speed does no harm: what the terminal makes of our bytes is not a frame, for which two marks, a
// length and a CRC must fit, and it drops them 200 ms after the last (T1). What it says to that is none for us.
func identify(ctx context.Context, e terminal.Env) (terminal.Identity, error) {
	s := &search{serial: e.Link == terminal.Serial, frames: NewSerialReader()}
	p, id, err := terminal.Approach(ctx, e, func(heard []byte) bool {
		s.take(heard)
		return s.speaks()
	})
	if p == nil {
		return id, err
	}
	defer p.Close()
	s = &search{port: p, serial: s.serial, frames: NewSerialReader()}
	id, err = s.ask(ctx)
	s.leave()
	return id, err
}

// search is one status enquiry to something that may be a terminal. It answers less than a dialogue does.
type search struct {
	port   terminal.Port
	serial bool
	frames *wire.DLEReader
	split  Splitter

	messages [][]byte // whole ones, not looked at yet
	damaged  bool     // a frame came whose CRC did not hold
	heard    int      // bytes
	sent     []byte   // the enquiry
}

// take takes bytes apart.
func (s *search) take(p []byte) {
	s.heard += len(p)
	if !s.serial {
		s.messages = append(s.messages, s.split.Feed(p)...)
		return
	}
	for _, b := range p {
		switch ev := s.frames.Feed(b); ev.Kind {
		case wire.DLEFrame:
			s.messages = append(s.messages, ev.Content)
		case wire.DLEBadCRC, wire.DLEMalformed:
			s.damaged = true
		}
	}
}

// speaks tells whether a message has come that only a terminal sends.
func (s *search) speaks() bool {
	for _, m := range s.messages {
		if a, err := ParseAPDU(m); err == nil && !ForeignProtocol(m) && (a.Command.Name() != "" || a.Command.IsAnswer()) {
			return true
		}
	}
	return false
}

// ask sends the enquiry and hears the terminal out.
func (s *search) ask(ctx context.Context) (terminal.Identity, error) {
	s.sent = StatusEnquiry(nil)
	var a APDU
	var err error
	// Once more where the line, and not the terminal, may have lost it: the enquiry may be repeated at will.
	for range 2 {
		if err = s.write(s.sent); err != nil {
			return terminal.Identity{}, err
		}
		if a, err = s.next(ctx, identifyWait); err == nil || !errors.Is(err, terminal.ErrNobody) && !s.damaged {
			break
		}
	}
	if err != nil {
		return terminal.Identity{}, err
	}
	reply, ok := ReadAnswer(a)
	switch {
	case ok && reply.Accepted:
		return s.end(ctx), nil
	case ok:
		return terminal.Identity{Text: fmt.Sprintf("It does not tell its state without the password (84 %02X), which is no fault.", reply.Code)}, nil
	}
	return terminal.Identity{Text: "It spoke of something else when it was asked, and was left alone."}, nil
}

// end hears the terminal to the end of the enquiry, and answers what it says on the way.
func (s *search) end(ctx context.Context) terminal.Identity {
	for range identifyMost {
		a, err := s.next(ctx, identifyEnd)
		if err != nil {
			break
		}
		switch a.Command {
		case CmdCompletion, CmdAbort:
			_ = s.write(ReplyTo(a.Command)) // what it said holds whether our answer arrives or not
			if a.Command == CmdAbort {
				return terminal.Identity{Text: "It does not tell its state."}
			}
			return identityOf(ReadStatusReply(a.Data, CharsetAuto))
		case CmdIntermediateStatus, CmdPrintLine, CmdPrintTextBlock, CmdSetClock:
			if err := s.write(ReplyTo(a.Command)); err != nil {
				return terminal.Identity{Text: "The line broke before it told its state."}
			}
		case CmdAccepted: // the answer once more
		default:
			return terminal.Identity{Text: "It spoke of something else when it was asked, and was left alone."}
		}
	}
	return terminal.Identity{Text: "It took the question and did not end its answer in time; it may be busy with work of its own."}
}

func identityOf(r StatusReply) terminal.Identity {
	id := terminal.Identity{TerminalID: r.TerminalID, Software: r.Software, Device: r.Device, Serial: r.Serial}
	if r.HasStatus {
		text, _ := TerminalStatus(r.Status)
		id.Text = text.In(English)
	}
	return id
}

func (s *search) write(apdu []byte) error {
	out := apdu
	if s.serial {
		out = SerialFrame(apdu)
	}
	_, err := s.port.Write(out)
	return err
}

// next is the terminal's next message. Frames are acknowledged as they are taken, other than our own that come
// back. A damaged one is not asked for again: who sends it may be anything.
func (s *search) next(ctx context.Context, wait time.Duration) (APDU, error) {
	buf := make([]byte, 1024)
	for until := time.Now().Add(wait); ; {
		for len(s.messages) > 0 {
			m := s.messages[0]
			s.messages = s.messages[1:]
			a, err := ParseAPDU(m)
			switch {
			case string(m) == string(s.sent):
				return APDU{}, terminal.ErrEcho
			case err != nil || ForeignProtocol(m):
				return APDU{}, terminal.ErrAlien
			case s.serial:
				_, err = s.port.Write([]byte{wire.ACK})
			}
			return a, err
		}
		n, err := terminal.ReadUntil(ctx, s.port, buf, until)
		s.take(buf[:n])
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return APDU{}, err
		case len(s.messages) == 0:
			return APDU{}, s.silence()
		}
		if !s.serial && len(s.messages) == 0 && s.split.Pending() > 0 && ForeignProtocol(s.split.pending) {
			return APDU{}, terminal.ErrAlien
		}
		if err == nil && !time.Now().Before(until) && len(s.messages) == 0 {
			return APDU{}, s.silence()
		}
	}
}

// silence says what it means that no message has come.
func (s *search) silence() error {
	if s.heard > 1 { // a single byte may be an ACK of anything
		return terminal.ErrAlien
	}
	return terminal.ErrNobody
}

// leave waits until our last answer has left and was taken: a connection that is closed too early may lose it.
func (s *search) leave() {
	if h, ok := s.port.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite()
	}
	buf := make([]byte, 64)
	_, _ = terminal.ReadUntil(context.Background(), s.port, buf, time.Now().Add(200*time.Millisecond))
}
