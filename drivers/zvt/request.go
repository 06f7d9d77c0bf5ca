package zvt

import (
	"errors"
	"fmt"

	"tillbridge/terminal/wire"
)

// Password is the terminal's password, six digits as three BCD bytes. It prints as asterisks.
type Password [3]byte

// ParsePassword reads one to six digits; fewer than six are filled with zeros on the left. The error does
// not quote what was given.
func ParsePassword(digits string) (Password, error) {
	if digits == "" {
		return Password{}, errors.New("terminal password: empty, want six digits")
	}
	packed, err := wire.AppendDigits(nil, digits, 3)
	if err != nil {
		return Password{}, errors.New("terminal password: want six digits")
	}
	return Password(packed), nil
}

// String hides the password.
func (Password) String() string { return "******" }

// GoString hides the password.
func (Password) GoString() string { return "******" }

// Bits of the configuration byte of a registration (PA00P015 ch. 2.1).
const (
	ConfigPaymentReceipts = 0x02 // the register prints payment receipts
	ConfigAdminReceipts   = 0x04 // the register prints administration receipts
	ConfigIntermediate    = 0x08 // the terminal sends intermediate status
	ConfigLockPayment     = 0x10 // no payment from the terminal's keyboard
	ConfigPrintCommands   = 0x80 // receipts come as print lines or text blocks
)

// PaymentTypeDefault lets the terminal decide how the card is checked (BMP 19).
const PaymentTypeDefault = 0x40

// Service bytes of a repeat receipt (BMP 03).
const (
	RepeatWithStatus   = 0x01 // send the last transaction's status information again
	RepeatWithoutPrint = 0x02 // print nothing
)

// builder collects the data of a command and the first error.
type builder struct {
	data []byte
	err  error
}

func (b *builder) add(p ...byte) { b.data = append(b.data, p...) }

func (b *builder) bcd(id byte, n int64, size int) {
	b.add(id)
	b.number(n, size)
}

func (b *builder) number(n int64, size int) {
	if b.err == nil {
		b.data, b.err = wire.AppendBCD(b.data, n, size)
	}
}

func (b *builder) amount(minor int64) {
	if minor <= 0 && b.err == nil {
		b.err = fmt.Errorf("amount %d: must be more than zero", minor)
	}
	b.bcd(bmpAmount, minor, 6)
}

func (b *builder) digits(id byte, digits string, size int) {
	b.add(id)
	if b.err == nil {
		b.data, b.err = wire.AppendDigits(b.data, digits, size)
	}
}

func (b *builder) tlv(tag wire.Tag, value []byte) {
	if b.err == nil {
		b.data, b.err = wire.AppendTLV(b.data, tag, value)
	}
}

// container adds the TLV container with the objects of inner.
func (b *builder) container(inner builder) {
	if b.err == nil {
		b.err = inner.err
	}
	b.tlv(bmpTLV, inner.data)
}

func (b *builder) apdu(c Command) ([]byte, error) {
	if b.err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name(), b.err)
	}
	return APDU{Command: c, Data: b.data}.Append(nil)
}

// Registration is 06 00. Service byte and TLV can only follow a currency.
type Registration struct {
	Password        Password
	Config          byte // the Config… bits
	CurrencyNumeric int  // ISO 4217; 0 leaves it out, and all below with it
	Service         byte // BMP 03, only if HasService
	HasService      bool
	// TLV opens TLV use until log-off, with an empty container where nothing below is set.
	TLV          bool
	Commands     []Command // the terminal's commands that we take, tag 26: 06 D3 above all
	PrinterWidth int       // characters a line, tag 12; 0 leaves it out
	Charset      Charset   // asked for in tag 27; CharsetAuto and CharsetGerman7 ask for nothing
}

// Encode is the APDU.
func (r Registration) Encode() ([]byte, error) {
	var b builder
	b.add(r.Password[:]...)
	b.add(r.Config)
	if r.CurrencyNumeric == 0 {
		if r.HasService || r.TLV {
			return nil, errors.New("registration: service byte and TLV need a currency before them")
		}
		return b.apdu(CmdRegistration)
	}
	b.number(int64(r.CurrencyNumeric), 2)
	if r.HasService {
		b.add(bmpServiceByte, r.Service)
	}
	if r.TLV {
		b.container(r.objects())
	}
	return b.apdu(CmdRegistration)
}

func (r Registration) objects() builder {
	var in, commands, charsets builder
	if r.PrinterWidth != 0 {
		width, err := wire.AppendBCD(nil, int64(r.PrinterWidth), 1)
		in.err = err
		in.tlv(tagWidth, width)
	}
	for _, c := range r.Commands {
		commands.tlv(tagCommand, []byte{byte(c >> 8), byte(c)})
	}
	if len(commands.data) > 0 {
		in.tlv(tagCommands, commands.data)
	}
	if value, ok := r.Charset.TagValue(); ok {
		charsets.tlv(tagCharset, []byte{value})
		in.tlv(tagCharsets, charsets.data)
	}
	return in
}

// Authorisation is 06 01, the sale.
type Authorisation struct {
	AmountMinor     int64 // more than zero
	CurrencyNumeric int   // ISO 4217; 0 leaves it out
	PaymentType     byte  // BMP 19, only if HasPaymentType
	HasPaymentType  bool
}

// Encode is the APDU.
func (a Authorisation) Encode() ([]byte, error) {
	var b builder
	b.amount(a.AmountMinor)
	b.currency(a.CurrencyNumeric)
	if a.HasPaymentType {
		b.add(bmpPaymentType, a.PaymentType)
	}
	return b.apdu(CmdAuthorisation)
}

func (b *builder) currency(numeric int) {
	if numeric != 0 {
		b.bcd(bmpCurrency, int64(numeric), 2)
	}
}

// Reversal is 06 30: it takes back one earlier sale, whole, named by its receipt number.
type Reversal struct {
	Password        Password
	ReceiptNo       string // four digits
	AmountMinor     int64  // of the sale, must equal it; 0 leaves it out
	CurrencyNumeric int    // ISO 4217; 0 leaves it out
}

// Encode is the APDU.
func (r Reversal) Encode() ([]byte, error) {
	var b builder
	b.add(r.Password[:]...)
	if len(r.ReceiptNo) == 0 {
		return nil, errors.New("reversal: no receipt number")
	}
	b.digits(bmpReceiptNo, r.ReceiptNo, 2)
	if r.AmountMinor != 0 {
		b.amount(r.AmountMinor)
	}
	b.currency(r.CurrencyNumeric)
	return b.apdu(CmdReversal)
}

// Refund is 06 31: an independent credit to a card.
type Refund struct {
	Password        Password
	AmountMinor     int64 // more than zero
	CurrencyNumeric int   // ISO 4217; 0 leaves it out
	PaymentType     byte  // BMP 19, only if HasPaymentType
	HasPaymentType  bool
}

// Encode is the APDU.
func (r Refund) Encode() ([]byte, error) {
	var b builder
	b.add(r.Password[:]...)
	b.amount(r.AmountMinor)
	b.currency(r.CurrencyNumeric)
	if r.HasPaymentType {
		b.add(bmpPaymentType, r.PaymentType)
	}
	return b.apdu(CmdRefund)
}

// short is the APDU of a command with few data.
func short(c Command, data ...byte) []byte {
	return append([]byte{byte(c >> 8), byte(c), byte(len(data))}, data...)
}

// StatusEnquiry is 05 01. Some terminals want the password, others nothing at all; nil leaves it out.
func StatusEnquiry(password *Password) []byte {
	if password == nil {
		return short(CmdStatusEnquiry)
	}
	return short(CmdStatusEnquiry, password[:]...)
}

// RepeatReceipt is 06 20; service is RepeatWithStatus, RepeatWithoutPrint, both, or 0 to leave it out,
// which many terminals answer with prints only.
func RepeatReceipt(password Password, service byte) []byte {
	if service == 0 {
		return short(CmdRepeatReceipt, password[:]...)
	}
	return short(CmdRepeatReceipt, append(password[:], bmpServiceByte, service)...)
}

// TurnoverTotals is 06 10: the sums since the last end of day. It changes nothing.
func TurnoverTotals(password Password) []byte { return short(CmdTurnoverTotals, password[:]...) }

// EndOfDay is 06 50.
func EndOfDay(password Password) []byte { return short(CmdEndOfDay, password[:]...) }

// AbortRequest is 06 B0: it asks the terminal to give up. An answer 80 00 proves nothing; the payment's own
// end tells.
func AbortRequest() []byte { return short(CmdAbortRequest) }

// Diagnosis is 06 70, of the terminal's usual kind: extended at most of them.
func Diagnosis() []byte { return short(CmdDiagnosis) }
