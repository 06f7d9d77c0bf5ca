package sim

import (
	"errors"
	"fmt"
	"strings"

	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// Result codes that the terminal uses, PA00P015 ch. 10.
const (
	codeReferral        = 0x02
	codeDeclined        = 0x05
	codeWrongPIN        = 0x37
	codeProcessing      = 0x66
	codeNotRegistered   = 0x6B
	codeAborted         = 0x6C
	codeCurrency        = 0x6F
	codeNotPossible     = 0x83
	codeProtocol        = 0x9A
	codeHostError       = 0x9B
	codeBusy            = 0x9C
	codePartIssue       = 0x9D
	codeReversed        = 0xB4
	codeNotReversible   = 0xB5
	codeAmountWrong     = 0xB7
	codeTooSmall        = 0xC8
	codePrinter         = 0xCC
	codeEndOfDayPending = 0xF0
)

// received takes one APDU of the till.
func (s *Simulator) received(t *talk, apdu []byte) {
	t.quiet = false
	size := apduSize(apdu)
	if size == 0 || size != len(apdu) {
		return
	}
	data := apdu[3:]
	if apdu[2] == 0xFF {
		data = apdu[5:]
	}
	command := uint16(apdu[0])<<8 | uint16(apdu[1])
	switch {
	case isAnswer(apdu):
		t.answered(apdu)
	case s.job != nil:
		s.whileBusy(t, command)
	default:
		s.command(t, command, data)
	}
}

// whileBusy answers a command during a job: the status enquiry with "busy" unless the till owes an answer
// itself, and the abort. Any other command gets no answer.
func (s *Simulator) whileBusy(t *talk, command uint16) {
	switch {
	case command == 0x0501 && !t.waiting():
		t.answer(positive())
		t.command([]byte{0x06, 0x0F, 0x01, codeBusy}, func([]byte) {})
	case command == 0x06B0 && s.job.pay != nil && s.job.talk == t:
		s.job.pay.abort()
	case command == 0x06B0:
		t.answer(negative(codeNotPossible))
	}
}

// command does a command while the terminal is idle.
func (s *Simulator) command(t *talk, command uint16, data []byte) {
	do, known := map[uint16]func(*talk, []byte){
		0x0501: s.statusEnquiry, 0x0600: s.register, 0x0601: s.authorise, 0x0602: s.logOff, 0x0610: s.totals,
		0x0620: s.repeatReceipt, 0x0630: s.reversal, 0x0631: s.refund, 0x0650: s.endOfDay, 0x0670: s.diagnosis,
		0x0679: s.selfTest, 0x0693: s.initialise, 0x06B0: s.abortIdle, 0x06E0: s.displayText,
	}[command]
	if !known {
		t.answer(negative(codeNotPossible))
		return
	}
	do(t, data)
}

// fields are the BMPs of a command, the first of each number.
type fields map[byte][]byte

// errUnknownField is why a command cannot be read: an unknown number has no known length.
var errUnknownField = errors.New("unknown field")

// parseFields reads BMPs. The lengths are those of PA00P015 ch. 6.
func parseFields(p []byte) (fields, error) {
	out := fields{}
	for len(p) > 0 {
		bmp := p[0]
		value, rest, err := fieldValue(bmp, p[1:])
		if err != nil {
			return out, fmt.Errorf("field %02X: %w", bmp, err)
		}
		if _, twice := out[bmp]; !twice {
			out[bmp] = value
		}
		p = rest
	}
	return out, nil
}

func fieldValue(bmp byte, p []byte) (value, rest []byte, err error) {
	size := 0
	switch bmp {
	case 0x01, 0x02, 0x03, 0x05, 0x19, 0x27, 0x8A, 0x8C, 0xA0, 0xD0, 0xD2, 0xD3, 0xF0, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD:
		size = 1
	case 0x0D, 0x0E, 0x17, 0x3A, 0x49, 0x87:
		size = 2
	case 0x0B, 0x0C, 0x37, 0x3D, 0x88, 0xAA:
		size = 3
	case 0x29:
		size = 4
	case 0x04:
		size = 6
	case 0x3B:
		size = 8
	case 0x2A:
		size = 15
	case 0x22, 0x23, 0x2D, 0x4C, 0x8B, 0xA7, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8:
		return wire.ReadLLVAR(p)
	case 0x24, 0x2E, 0x3C, 0x60:
		return wire.ReadLLLVAR(p)
	case 0x06:
		n, used, err := wire.ReadLength(p)
		if err != nil {
			return nil, p, err
		}
		p, size = p[used:], n
	default:
		return nil, p, errUnknownField
	}
	if len(p) < size {
		return nil, p, wire.ErrTruncated
	}
	return p[:size], p[size:], nil
}

// number reads a BCD field; false where it is missing or no number.
func (f fields) number(bmp byte) (int64, bool) {
	v, there := f[bmp]
	if !there {
		return 0, false
	}
	n, err := wire.BCD(v)
	return n, err == nil
}

// password takes the password off a command that must carry it. Without the right one the command is
// answered here.
func (s *Simulator) password(t *talk, data []byte) (rest []byte, ok bool) {
	if len(data) < 3 {
		t.answer(negative(codeProtocol))
		return nil, false
	}
	if wire.Nibbles(data[:3]) != s.opt.Password {
		t.answer(negative(codeWrongPIN))
		return nil, false
	}
	return data[3:], true
}

// parsed reads the fields of a command. What cannot be read is answered here.
func (s *Simulator) parsed(t *talk, data []byte) (fields, bool) {
	f, err := parseFields(data)
	if err != nil {
		code := byte(codeProtocol)
		if errors.Is(err, errUnknownField) {
			code = codeNotPossible
		}
		t.answer(negative(code))
		return nil, false
	}
	return f, true
}

// opened is parsed of a command that must carry the password.
func (s *Simulator) opened(t *talk, data []byte) (fields, bool) {
	rest, ok := s.password(t, data)
	if !ok {
		return nil, false
	}
	return s.parsed(t, rest)
}

// register is 06 00: password, config byte, currency, then service byte and container.
func (s *Simulator) register(t *talk, data []byte) {
	data, ok := s.password(t, data)
	if !ok {
		return
	}
	if len(data) == 0 {
		t.answer(negative(codeProtocol))
		return
	}
	reg := registration{done: true, config: data[0], charset: s.defaultCharset()}
	data = data[1:]
	currency := []byte(nil)
	if len(data) >= 2 {
		currency, data = data[:2], data[2:]
		if n, err := wire.BCD(currency); err != nil || n != int64(s.cur.Numeric) {
			t.answer(apdu(0x84, 0x1E, append([]byte{codeCurrency}, bcd(0, int64(s.cur.Numeric), 2)[1:]...)))
			return
		}
	}
	f, ok := s.parsed(t, data)
	if !ok {
		return
	}
	status := join([]byte{0x19, 0x00}, digits(0x29, s.tid, 4))
	if currency != nil {
		status = append(append(status, 0x49), currency...)
	}
	if inside, there := f[0x06]; there {
		status = append(status, container(reg.negotiate(inside)...)...)
	}
	s.reg = reg
	t.answer(positive())
	s.conclude(s.begin(t), apdu(0x06, 0x0F, status))
}

// negotiate reads the container of a registration and returns what of it the terminal takes up.
func (r *registration) negotiate(inside []byte) (echo [][]byte) {
	objects, _, _ := wire.ReadTLVs(inside) // what is behind an unreadable object is not for us
	for _, o := range objects {
		nested, _, _ := wire.ReadTLVs(o.Value)
		for _, n := range nested {
			switch {
			case o.Tag == 0x26 && n.Tag == 0x0A && strings.EqualFold(wire.Nibbles(n.Value), "06D3"):
				r.blocks = true
				echo = append(echo, tlv(0x26, tlv(0x0A, n.Value)))
			case o.Tag == 0x27 && n.Tag == 0x14 && len(n.Value) == 1 &&
				(n.Value[0] == charsetLatin1 || n.Value[0] == charsetUTF8 || n.Value[0] == charsetCP437):
				r.charset = n.Value[0]
				echo = append(echo, tlv(0x27, tlv(0x14, n.Value)))
			}
		}
	}
	return echo
}

// logOff is 06 02; it has no completion.
func (s *Simulator) logOff(t *talk, _ []byte) {
	s.forgetRegistration()
	t.answer(positive())
}

func (s *Simulator) abortIdle(t *talk, _ []byte) { t.answer(positive()) }

// displayText is 06 E0; it has no completion.
func (s *Simulator) displayText(t *talk, data []byte) {
	f, ok := s.parsed(t, data)
	if !ok {
		return
	}
	var lines []string
	for bmp := byte(0xF1); bmp <= 0xF8; bmp++ {
		if v, there := f[bmp]; there {
			lines = append(lines, strings.ToValidUTF8(string(v), "?"))
		}
	}
	s.desk.Show(lines...)
	t.answer(positive())
}

// sequenceOf is the number that a command names a transaction by: the receipt number, or the trace number.
func (f fields) sequenceOf(r *record) bool {
	if n, there := f.number(0x87); there {
		return n == int64(r.receipt)
	}
	n, there := f.number(0x0B)
	return there && n == int64(r.trace)
}

func (s *Simulator) authorise(t *talk, data []byte) {
	f, ok := s.parsed(t, data)
	if !ok {
		return
	}
	if s.opt.RequireRegistration && !s.reg.done {
		t.answer(negative(codeNotRegistered))
		return
	}
	s.pay(t, f, simulate.Sale, nil)
}

func (s *Simulator) refund(t *talk, data []byte) {
	if f, ok := s.opened(t, data); ok {
		s.pay(t, f, simulate.Refund, nil)
	}
}

// reversal is 06 30: the full amount of an earlier transaction, by its receipt number.
func (s *Simulator) reversal(t *talk, data []byte) {
	f, ok := s.opened(t, data)
	if !ok {
		return
	}
	var of *record
	for _, r := range s.stored {
		if r.kind != simulate.Void && f.sequenceOf(r) {
			of = r // the newest, as receipt numbers come again
		}
	}
	minor, named := f.number(0x04)
	switch {
	case of == nil:
		s.refuseReversal(t, codeNotReversible)
	case of.reversed:
		s.refuseReversal(t, codeReversed)
	case named && minor != of.minor:
		s.refuseReversal(t, codeAmountWrong)
	default:
		s.pay(t, f, simulate.Void, of)
	}
}

func (s *Simulator) refuseReversal(t *talk, code byte) {
	t.answer(positive())
	j := s.begin(t)
	t.command(s.refusal(code, "Storno nicht möglich", false), func([]byte) { s.conclude(j, aborted(code)) })
}
