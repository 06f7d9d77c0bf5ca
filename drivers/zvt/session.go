package zvt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
)

// codeBusy asks to wait (PA00P015 ch. 10).
const codeBusy = 0x9C

// answerWait is T3 of PA00P015 ch. 1: a command to its 80 00 or 84 xx.
const answerWait = 5 * time.Second

// session is one conversation with one terminal.
type session struct {
	o   *Options
	env terminal.Env
	log *slog.Logger

	held link.Held
	line *carrier // on the port that is held, guarded by it against Cancel; nil while it is closed

	charset    Charset
	terminalID string
	last       terminal.Mark // the terminal's last transaction, as far as this session knows
	known      time.Time     // when last was the last one for certain
	slow       bool          // the terminal takes its time to tell its last transaction, or prints it
	cancel     atomic.Bool   // somebody wants the running payment given up
	doubt      time.Time     // when a money command was under way last, or this session began, for all we know
	broken     bool          // the last dialogue ended well, and something of it may still be on the line
}

// open starts a session: dial and register.
func open(ctx context.Context, e terminal.Env, options any) (terminal.Session, error) {
	o, ok := options.(*Options)
	if !ok {
		return nil, fmt.Errorf("options of type %T, want %T", options, o)
	}
	s := &session{o: o, env: e, log: e.Log, charset: o.Charset, doubt: time.Now()}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	s.settle()
	return s, nil
}

// Close ends the conversation for good. It does not log off: the terminal keeps its registration, and a log-off
// would free its keyboard (PA00P015 ch. 2.3). It may be called while another goroutine is inside a method, which
// then ends with an error.
func (s *session) Close() error { return s.held.Close() }

// TerminalID is the terminal's own number, as it said in the registration; empty where it said none. Results may
// name others: a terminal of several merchants has a number for each.
func (s *session) TerminalID() string { return s.terminalID }

// connect makes sure that there is a line on which nothing is under way, and a registration.
func (s *session) connect(ctx context.Context) error {
	if s.held.Over() {
		return link.ErrOver
	}
	if s.line != nil && !s.broken {
		talked, err := s.line.drain(ctx)
		if err == nil && !talked {
			return nil
		}
		s.log.Debug("the idle line is gone, or not at rest", "error", err)
	}
	s.drop()
	s.broken = false
	if err := s.held.Open(ctx, s.env.Dial, func(p terminal.Port) { s.line = newCarrier(p, s.env) }); err != nil {
		return err
	}
	_, err := s.line.drain(ctx)
	if err == nil && s.o.Register {
		err = s.register(ctx)
	}
	if err != nil {
		s.drop()
	}
	return err
}

// drop closes the line, since where the dialogue on it stands is not known.
func (s *session) drop() {
	if err := s.held.Drop(func() { s.line = nil }); err != nil {
		s.log.Debug("close line", "error", err)
	}
}

// settle ends a command that went to its end: the line is closed where the settings ask for it. Over TCP the
// last acknowledgement must have arrived before (PA00P016, TCP/IP), so the terminal gets a moment.
func (s *session) settle() {
	if !s.o.CloseAfterCommand || s.line == nil {
		return
	}
	if s.env.Link == terminal.TCP {
		if h, ok := s.line.port.(interface{ CloseWrite() error }); ok {
			_ = h.CloseWrite()
		}
		_ = s.line.fill(context.Background(), time.Now().Add(200*time.Millisecond), false)
	}
	s.drop()
}

// register is 06 00 (PA00P015 ch. 2.1). It may be repeated at any time.
func (s *session) register(ctx context.Context) error {
	r := Registration{
		Password: s.o.Password, Config: s.o.config(), CurrencyNumeric: s.env.Currency.Numeric,
		Service: s.o.ServiceByte.Value, HasService: s.o.ServiceByte.Set, TLV: true,
		PrinterWidth: s.o.ReceiptWidth, Charset: s.o.Charset,
	}
	if s.o.Receipts == RegisterPrints {
		r.Commands = []Command{CmdPrintTextBlock}
	}
	apdu, err := r.Encode()
	if err != nil {
		return err
	}
	e, err := s.command(ctx, apdu, nil)
	if err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	if err := s.rest(ctx, e); err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	if err := s.refusal(e); err != nil {
		return fmt.Errorf("the terminal refused the registration: %w", err)
	}
	done := ReadCompletion(e.end.Data)
	switch {
	case done.TerminalID == "":
	case s.terminalID == "":
		s.terminalID = done.TerminalID
	case s.terminalID != done.TerminalID: // the line was opened anew, and leads elsewhere now
		return fmt.Errorf("another terminal answers than the one that this conversation began with: %s instead of %s", done.TerminalID, s.terminalID)
	}
	if s.o.Charset == CharsetAuto && done.HasCharset {
		s.charset = done.Charset
	}
	if done.CurrencyNumeric != 0 && done.CurrencyNumeric != s.env.Currency.Numeric {
		return fmt.Errorf("the terminal works in currency %03d, the settings say %03d (%s)", done.CurrencyNumeric,
			s.env.Currency.Numeric, s.env.Currency.Code)
	}
	return nil
}

// rest waits, after a command that was sent more than once, until the answers to all of its copies are sure to
// have come. An error means that some came, and that the line is to be opened anew.
func (s *session) rest(ctx context.Context, e ending) error {
	if !e.again && !s.broken {
		return nil
	}
	s.broken = false
	_, err := s.line.next(ctx, time.Now().Add(lastWait), false)
	switch {
	case errors.Is(err, terminal.ErrSilent):
		return nil
	case err == nil:
		return errors.New("the terminal answers the same command more than once")
	}
	return err
}

// ending is how a command ended.
type ending struct {
	refused bool // 84 xx in answer to the command
	aborted bool // 06 1E
	code    byte // of either; only if hasCode
	hasCode bool
	text    string // the terminal's own words
	end     APDU   // the last message: 84 xx, 80 00, 06 0F or 06 1E
	again   bool   // the command's frame was sent more than once
	maybe   bool   // one of the results that were stated was an approval, or cannot be told from one

	result *StatusInformation // the last 04 0F
	raw    []byte             // its bytes
}

// refusal is the error of a command that the terminal refused; nil where it did not.
func (s *session) refusal(e ending) error {
	if !e.refused && !e.aborted {
		return nil
	}
	text := "it says no reason"
	if e.hasCode {
		text = ResultText(e.code).In(s.o.Language)
	}
	if e.text != "" {
		text += " " + e.text
	}
	if e.hasCode && e.code == codeBusy {
		return fmt.Errorf("%w: %w: %s", terminal.ErrRefused, terminal.ErrBusy, text)
	}
	return fmt.Errorf("%w: %s", terminal.ErrRefused, text)
}

// command runs a command that moves no money to its end. The till, where it is not nil, gets texts and
// receipts.
func (s *session) command(ctx context.Context, apdu []byte, till terminal.Till) (ending, error) {
	d := &dialogue{s: s, kind: command, till: till, expects: expects(apdu)}
	e, err := d.run(ctx, apdu)
	if err != nil {
		s.drop()
	}
	s.broken = s.broken || e.again
	return e, err
}

// expects tells what a command that moves no money may state in 04 0F.
func expects(apdu []byte) expectation {
	a, err := ParseAPDU(apdu)
	if err != nil {
		return nothingApproved
	}
	switch a.Command {
	case CmdRepeatReceipt, CmdTurnoverTotals, CmdEndOfDay:
		return anything
	}
	return nothingApproved
}

// Cancel asks the terminal to give up the running payment.
func (s *session) Cancel() {
	s.held.Do(func() {
		if s.line != nil {
			s.cancel.Store(true)
			s.line.poke()
		}
	})
}
