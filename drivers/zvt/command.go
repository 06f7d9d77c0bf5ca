package zvt

import "fmt"

// Command is the class and instruction of an APDU (PA00P015 ch. 2 and 3).
type Command uint16

// Commands of the register.
const (
	CmdStatusEnquiry   Command = 0x0501
	CmdRegistration    Command = 0x0600
	CmdAuthorisation   Command = 0x0601
	CmdTurnoverTotals  Command = 0x0610
	CmdReprintReceipts Command = 0x0612
	CmdRepeatReceipt   Command = 0x0620
	CmdReversal        Command = 0x0630
	CmdRefund          Command = 0x0631
	CmdEndOfDay        Command = 0x0650
	CmdDiagnosis       Command = 0x0670
	CmdInitialisation  Command = 0x0693
	CmdAbortRequest    Command = 0x06B0 // abort, from the register
	CmdReadCard        Command = 0x06C0
)

// Commands of the terminal.
const (
	CmdSetClock           Command = 0x0401 // set date and time in ECR
	CmdFileRequest        Command = 0x040C // file request, firmware transfer
	CmdInputRequest       Command = 0x040D
	CmdMenuRequest        Command = 0x040E
	CmdStatusInformation  Command = 0x040F
	CmdIntermediateStatus Command = 0x04FF
	CmdCompletion         Command = 0x060F
	CmdAbort              Command = 0x061E // abort, from the terminal
	CmdPrintLine          Command = 0x06D1
	CmdPrintTextBlock     Command = 0x06D3
	CmdDialUp             Command = 0x06D8 // the first of the transparent channel's commands
	CmdTransparent        Command = 0x06DD // the last of them
	CmdBlockedListQuery   Command = 0x06E4
)

// Answers.
const (
	CmdAccepted Command = 0x8000
	CmdRefused  Command = 0x8400 // the low byte is the code; 84 00 means accepted too
)

// String is the class and instruction in hex, "06 01".
func (c Command) String() string { return fmt.Sprintf("%02X %02X", byte(c>>8), byte(c)) }

// IsAnswer tells whether the APDU answers a command.
func (c Command) IsAnswer() bool { return c == CmdAccepted || c>>8 == 0x84 }

// Name is what the paper calls the command, in English; empty where it is not known.
func (c Command) Name() string {
	if c.IsAnswer() {
		if c == CmdAccepted || c == CmdRefused {
			return "accepted"
		}
		return "refused"
	}
	return commandNames[c]
}

var commandNames = map[Command]string{
	0x0401: "set date and time", 0x040C: "file request", 0x040D: "input request", 0x040E: "menu request",
	0x040F: "status information", 0x04FF: "intermediate status", 0x0501: "status enquiry", 0x0600: "registration",
	0x0601: "authorisation", 0x0602: "log-off", 0x0603: "balance enquiry", 0x0604: "activate card", 0x0605: "procurement",
	0x0609: "prepaid top-up", 0x060A: "tax free", 0x060C: "book tip", 0x060F: "completion", 0x0610: "turnover totals",
	0x0612: "reprint receipts", 0x0618: "restart terminal", 0x061A: "print system configuration", 0x061B: "set terminal id",
	0x061E: "abort", 0x0620: "repeat receipt", 0x0621: "telephonic authorisation", 0x0622: "pre-authorisation",
	0x0623: "partial reversal", 0x0624: "book total", 0x0625: "pre-authorisation reversal",
	0x0626: "reversal of external reservation", 0x0630: "reversal", 0x0631: "refund", 0x0650: "end of day",
	0x0651: "send offline transactions", 0x0652: "partial reconciliation", 0x0670: "diagnosis", 0x0679: "self-test",
	0x0691: "set date and time in terminal", 0x0693: "initialisation", 0x0695: "change password", 0x06B0: "abort request",
	0x06C0: "read card", 0x06C5: "close card session", 0x06C6: "send card commands", 0x06D0: "signature question",
	0x06D1: "print line", 0x06D3: "print text block", 0x06D8: "dial-up", 0x06D9: "transmit", 0x06DA: "receive",
	0x06DB: "hang up", 0x06DD: "transparent data", 0x06E0: "display text", 0x06E1: "display text with key",
	0x06E2: "display text with number", 0x06E3: "display text with PIN", 0x06E4: "blocked-list query",
	0x06E5: "MAC calculation", 0x06E6: "card poll", 0x06E7: "display text with DUKPT PIN", 0x06F0: "display image",
	0x06F1: "display image with key", 0x0801: "service mode", 0x0802: "switch protocol", 0x0803: "power management",
	0x0810: "software update", 0x0811: "read file", 0x0812: "delete file", 0x0813: "change configuration",
	0x0814: "write file", 0x0820: "OPT action", 0x0830: "select language", 0x0840: "change baud rate",
	0x0850: "activate card reader",
}

// ReplyTo is the answer that the register owes a command of the terminal: 80 00 00 for what it takes, and
// 84 83 00 ("unknown command") for what it does not. A status information is always accepted: any refusal
// makes the terminal reverse a paid sale (PA00P015 ch. 3.2), and whether it could be understood or not is
// no reason.
func ReplyTo(c Command) []byte {
	switch c {
	case CmdSetClock, CmdStatusInformation, CmdIntermediateStatus, CmdCompletion, CmdAbort, CmdPrintLine, CmdPrintTextBlock:
		return []byte{0x80, 0x00, 0x00}
	}
	return []byte{0x84, 0x83, 0x00}
}
