package sim

import (
	"time"

	"tillbridge/terminal/wire"
)

// Bits of the service byte (BMP 03) of 05 01 and 06 20.
const (
	svcRepeatStatus = 0x01 // 06 20: send 04 0F again
	svcNoPrint      = 0x02 // 06 20: do not print
	svcNoVersion    = 0x02 // 05 01: do not send the version
	svcExtraData    = 0x04 // 05 01: send a container
)

const softwareVersion = "TBSIM 1.0"

// conclude sends the last message of a job and ends it, whatever the till answers.
func (s *Simulator) conclude(j *job, end []byte) {
	j.talk.command(end, func([]byte) { s.done(j) })
}

// tell sends an intermediate status if the till wants them and has been heard lately, and goes on.
func (s *Simulator) tell(j *job, code byte, text string, then func()) {
	if s.reg.config&cfgIntermediate == 0 || j.talk.quiet {
		then()
		return
	}
	j.talk.command(s.intermediate(code, text), func([]byte) {
		if s.job == j {
			s.after(j, s.opt.IntermediateDelay, then)
		}
	})
}

// tellAll sends intermediate statuses one after another.
func (s *Simulator) tellAll(j *job, codes []byte, then func()) {
	if len(codes) == 0 {
		then()
		return
	}
	s.tell(j, codes[0], "", func() { s.tellAll(j, codes[1:], then) })
}

// sendAll sends commands one after another; then gets false as soon as one is refused or lost.
func (s *Simulator) sendAll(j *job, commands [][]byte, then func(ok bool)) {
	if len(commands) == 0 {
		then(true)
		return
	}
	j.talk.command(commands[0], func(answer []byte) {
		switch {
		case s.job != j:
		case !accepted(answer):
			then(false)
		default:
			s.sendAll(j, commands[1:], then)
		}
	})
}

// accepted tells whether an answer is positive: 80 00, or 84 00 as the paper allows.
func accepted(answer []byte) bool {
	return len(answer) >= 2 && answer[1] == 0x00
}

// printAdmin prints at the till if the registration wants that, else on the terminal's own printer.
func (s *Simulator) printAdmin(j *job, lines []printLine, then func()) {
	if s.reg.config&cfgPrintAdmin == 0 {
		s.desk.Print(texts(lines))
	}
	var commands [][]byte
	if s.printsAtTill(cfgPrintAdmin) {
		commands = s.printCommands(adminCopy, lines)
	}
	s.sendAll(j, commands, func(bool) { then() })
}

// statusEnquiry is 05 01. Its completion holds raw data: the version as LLLVAR, the status, a container.
func (s *Simulator) statusEnquiry(t *talk, data []byte) {
	service := byte(0)
	if len(data) > 0 {
		f, ok := s.opened(t, data)
		if !ok {
			return
		}
		if v := f[0x03]; len(v) == 1 {
			service = v[0]
		}
	}
	var out []byte
	if service&svcNoVersion == 0 {
		out = must(wire.AppendLLLVAR(nil, []byte(softwareVersion)))
	}
	out = append(out, 0x00)
	if service&svcExtraData != 0 {
		now := time.Now()
		out = append(out, container(
			tlv(0x1F44, must(wire.AppendDigits(nil, s.tid, 4))),
			tlv(0xE4, tlv(0x1F40, []byte("Simulator")), tlv(0x1F41, []byte(softwareVersion)), tlv(0x1F43, []byte{0})),
			tlv(0x34, tlv(0x1F0E, must(wire.AppendDigits(nil, now.Format("20060102"), 4))),
				tlv(0x1F0F, must(wire.AppendDigits(nil, now.Format("150405"), 3)))),
		)...)
	}
	t.answer(positive())
	s.conclude(s.begin(t), apdu(0x06, 0x0F, out))
}

// totals is 06 10: the sums so far, nothing is closed.
func (s *Simulator) totals(t *talk, data []byte) {
	if _, ok := s.password(t, data); !ok {
		return
	}
	t.answer(positive())
	j := s.begin(t)
	t.command(s.totalsStatus(time.Now()), func([]byte) { s.conclude(j, finished()) })
}

// repeatReceipt is 06 20. With bit 01 of the service byte the status information of the last stored
// transaction comes again, without it the receipt at most. The papers name no code for an empty store.
func (s *Simulator) repeatReceipt(t *talk, data []byte) {
	f, ok := s.opened(t, data)
	if !ok {
		return
	}
	service := byte(0)
	if v := f[0x03]; len(v) == 1 {
		service = v[0]
	}
	t.answer(positive())
	j := s.begin(t)
	switch {
	case s.opt.NoRepeatReceipt:
		s.conclude(j, finished())
		return
	case len(s.stored) == 0:
		s.conclude(j, aborted(codeProcessing))
		return
	}
	last := s.stored[len(s.stored)-1]
	var commands [][]byte
	if service&svcRepeatStatus != 0 {
		commands = append(commands, s.status(last))
	}
	if service&svcNoPrint == 0 {
		if s.printsAtTill(cfgPrintPayments) {
			commands = append(commands, s.printCommands(customerCopy, s.receiptLines(last, customerCopy))...)
		} else if s.reg.config&cfgPrintPayments == 0 {
			s.desk.Print(s.receiptTexts(last, customerCopy))
		}
	}
	s.sendAll(j, commands, func(bool) { s.conclude(j, finished()) })
}

// endOfDay is 06 50. The day is closed when the till has taken the sums; else it stays open.
func (s *Simulator) endOfDay(t *talk, data []byte) {
	if _, ok := s.opened(t, data); !ok {
		return
	}
	t.answer(positive())
	j := s.begin(t)
	s.desk.Show("Kassenschnitt", "Bitte warten")
	s.tellAll(j, []byte{0x0E, 0x06, 0x0E, 0x17}, func() {
		s.after(j, s.desk.Think(), func() {
			lines := s.dayLines()
			t.command(s.totalsStatus(time.Now()), func(answer []byte) {
				switch {
				case s.job != j:
				case !accepted(answer):
					s.conclude(j, aborted(codeAborted))
				default:
					s.day.reset(s.receipt)
					s.printAdmin(j, lines, func() { s.conclude(j, finished()) })
				}
			})
		})
	})
}

// diagnosis is 06 70, with a question to the host.
func (s *Simulator) diagnosis(t *talk, data []byte) {
	if _, ok := s.parsed(t, data); !ok {
		return
	}
	t.answer(positive())
	j := s.begin(t)
	s.desk.Show("Diagnose", "Bitte warten")
	s.tell(j, 0x0E, "", func() {
		s.after(j, s.desk.Think(), func() {
			s.printAdmin(j, []printLine{
				{attrCentred, "** DIAGNOSE **"}, {attrPlain, "Terminal-ID:    " + s.tid}, {attrPlain, "Diagnose durchgeführt"}, {attrLastLine, ""},
			}, func() { s.conclude(j, finished()) })
		})
	})
}

// initialise is 06 93.
func (s *Simulator) initialise(t *talk, data []byte) {
	if _, ok := s.password(t, data); ok {
		s.selfTest(t, nil)
	}
}

// selfTest is 06 79.
func (s *Simulator) selfTest(t *talk, _ []byte) {
	t.answer(positive())
	j := s.begin(t)
	s.after(j, s.desk.Think(), func() { s.conclude(j, finished()) })
}
