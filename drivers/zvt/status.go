package zvt

import (
	"fmt"
	"strings"
	"time"

	"tillbridge/terminal/wire"
)

// StatusInformation is 04 0F: what became of a payment, an end of day or another command
// (PA00P015 ch. 2.2.1 and 3.2). Fields that the terminal left out are zero or empty.
//
// It holds no more of a card number than its last four digits, and no track data.
type StatusInformation struct {
	Result    byte // BMP 27, only if HasResult; see ResultText
	HasResult bool
	HostCode  byte // BMP A0, the host's own code where 27 cannot hold it; only if HasHost
	HasHost   bool

	AmountMinor int64 // BMP 04, only if HasAmount
	HasAmount   bool  // an amount came and is decimal
	// Tip and cashback are contained in AmountMinor. RemainingMinor is what a partial approval left open.
	TipMinor, CashbackMinor, RemainingMinor int64
	HasTip, HasCashback, HasRemaining       bool
	CurrencyNumeric                         int // BMP 49; 0 where it is missing

	Trace         string // BMP 0B; TLV 1F2B where 0B is zero or missing
	OriginalTrace string // BMP 37, of the sale that a reversal took back
	ReceiptNo     string // BMP 87, four digits
	TurnoverNo    string // BMP 88
	SyncID        string // TLV 1F1F, the receipt number once more
	TerminalID    string // BMP 29
	ContractNo    string // BMP 2A, padding cut

	ApprovalCode   string // BMP 3B without padding, else from the texts
	ApprovalSource string // "3B", "3C", "1F17" or "24": where it was found

	CardType          int // BMP 8A, TLV 41 where it says so; only if HasCardType
	HasCardType       bool
	NetworkCardType   byte // BMP 8C, only if HasNetworkType
	HasNetworkType    bool
	CardName          string // BMP 8B; see Brand
	CardLast4         string // at most four digits, fewer where the terminal masks them
	CardSequence      string // BMP 17
	Expiry            string // BMP 0E, YYMM
	Application       string // label of the chip's application
	AID               string // its id, hexadecimal
	PaymentType       byte   // BMP 19, only if HasPaymentType: 40 offline, 50 checked, 60 online, 70 PIN
	HasPaymentType    bool
	CVM               byte // TLV 1F10, only if HasCVM
	HasCVM            bool
	Technology        byte // TLV 1F12, only if HasTechnology: 00 stripe, 01 chip, 02 contactless
	HasTechnology     bool
	Online, HasOnline bool // TLV 1F11

	Date string // MMDD, or YYYYMMDD where the terminal tells the year
	Time string // HHMMSS

	Text        string   // BMP 3C
	VendorCode  string   // TLV 1F16, hexadecimal
	VendorText  string   // TLV 1F17
	ExtraResult string   // TLV 13, such as "Z3"
	Display     []string // texts in TLV 24
	// CustomerBlock and MerchantBlock are the ready-made EMV parts of the receipts (TLV 46, 47).
	CustomerBlock, MerchantBlock string

	Totals *Totals // BMP 60 of an end of day or turnover totals

	// Unreadable lists bitmaps that came and make no sense, such as 04 with a nibble above 9.
	Unreadable []byte
	// Repeated lists bitmaps that came twice; the first one counts.
	Repeated []byte
	// Rest is the number of bytes behind the last bitmap that could be read. Fields may be missing for it.
	Rest int
}

// Totals are the sums in BMP 60 (PA00P015 ch. 2.16).
type Totals struct {
	FromReceipt, ToReceipt string // four digits each
	Groups                 []TotalsGroup
}

// TotalsGroup is one card scheme's sum.
type TotalsGroup struct {
	Name  string
	Count int
	Minor int64
}

var totalsNames = [...]string{"girocard", "JCB", "Mastercard", "American Express", "Visa", "Diners", "other cards"}

// ReadStatusInformation reads the data of 04 0F. It never fails: what is missing or unreadable is marked,
// and the answer to the terminal is 80 00 all the same (ReplyTo).
func ReadStatusInformation(data []byte, c Charset) StatusInformation {
	b := ParseBMPs(data)
	tlv := b.TLV()
	s := StatusInformation{Rest: len(b.Rest)}
	for _, again := range b.Again {
		s.Repeated = append(s.Repeated, again.ID)
	}
	s.Result, s.HasResult = oneByte(b, bmpResult)
	s.HostCode, s.HasHost = oneByte(b, bmpHostCode)
	s.NetworkCardType, s.HasNetworkType = oneByte(b, bmpNetworkType)
	s.PaymentType, s.HasPaymentType = oneByte(b, bmpPaymentType)
	s.OriginalTrace = digitsOf(b, bmpOrigTrace)
	s.ReceiptNo = digitsOf(b, bmpReceiptNo)
	s.TurnoverNo = digitsOf(b, bmpTurnoverNo)
	s.TerminalID = digitsOf(b, bmpTerminalID)
	s.CardSequence = digitsOf(b, bmpCardSeq)
	s.Expiry = digitsOf(b, bmpExpiry)
	if v, ok := b.Get(bmpContractNo); ok {
		s.ContractNo = trimmed(c, v)
	}
	s.readMoney(b, tlv)
	s.readNumbers(b, tlv)
	s.readCard(b, tlv, c)
	s.readTexts(b, tlv, c)
	s.readClock(b, tlv)
	if v, ok := b.Get(bmpTotals); ok {
		if s.Totals, ok = readTotals(v); !ok {
			s.Unreadable = append(s.Unreadable, bmpTotals)
		}
	}
	return s
}

func (s *StatusInformation) readMoney(b BMPs, tlv Nodes) {
	if v, ok := b.Get(bmpAmount); ok {
		n, err := wire.BCD(v)
		s.AmountMinor, s.HasAmount = n, err == nil
		if err != nil {
			s.Unreadable = append(s.Unreadable, bmpAmount)
		}
	}
	if v, ok := b.Get(bmpCurrency); ok {
		if n, err := wire.BCD(v); err == nil {
			s.CurrencyNumeric = int(n)
		} else {
			s.Unreadable = append(s.Unreadable, bmpCurrency)
		}
	}
	s.TipMinor, s.HasTip = tlvNumber(tlv, tagTip)
	s.CashbackMinor, s.HasCashback = tlvNumber(tlv, tagCashback)
	s.RemainingMinor, s.HasRemaining = tlvNumber(tlv, tagRemaining)
}

func tlvNumber(tlv Nodes, tag wire.Tag) (int64, bool) {
	o, ok := tlv.Search(tag)
	if !ok || len(o.Value) == 0 {
		return 0, false
	}
	n, err := wire.BCD(o.Value)
	return n, err == nil
}

func (s *StatusInformation) readNumbers(b BMPs, tlv Nodes) {
	s.Trace = digitsOf(b, bmpTrace)
	if strings.Trim(s.Trace, "0") == "" {
		if o, ok := tlv.Search(tagLongTrace); ok && len(o.Value) > 0 {
			s.Trace = wire.Nibbles(o.Value)
		}
	}
	if o, ok := tlv.Search(tagSyncID); ok {
		s.SyncID = wire.Nibbles(o.Value)
	}
}

func (s *StatusInformation) readCard(b BMPs, tlv Nodes, c Charset) {
	if v, ok := b.Get(bmpPAN); ok {
		s.CardLast4 = lastFour(wire.Nibbles(v))
	} else if v, ok := b.Get(bmpTrack2); ok {
		s.CardLast4 = lastFour(wire.Nibbles(v))
	}
	if id, ok := oneByte(b, bmpCardType); ok {
		s.CardType, s.HasCardType = int(id), true
	}
	if o, ok := tlv.Find(tagLongCardType); ok && len(o.Value) == 2 && (!s.HasCardType || s.CardType == 0xFF) {
		s.CardType, s.HasCardType = int(o.Value[0])<<8|int(o.Value[1]), true
	}
	if v, ok := b.Get(bmpCardName); ok {
		s.CardName = maskText(trimmed(c, v))
	}
	for _, tag := range []wire.Tag{tagPreferredName, tagApplication} {
		if o, ok := tlv.Search(tag); ok && s.Application == "" {
			s.Application = maskText(trimmed(c, o.Value))
		}
	}
	if o, ok := tlv.Search(tagAID); ok {
		s.AID = wire.Nibbles(o.Value)
	}
	s.CVM, s.HasCVM = tlvByte(tlv, tagCVM)
	s.Technology, s.HasTechnology = tlvByte(tlv, tagTechnology)
	online, ok := tlvByte(tlv, tagOnline)
	s.Online, s.HasOnline = online == 1, ok
}

func tlvByte(tlv Nodes, tag wire.Tag) (byte, bool) {
	o, ok := tlv.Search(tag)
	if !ok || len(o.Value) != 1 {
		return 0, false
	}
	return o.Value[0], true
}

func (s *StatusInformation) readTexts(b BMPs, tlv Nodes, c Charset) {
	if v, ok := b.Get(bmpText); ok {
		s.Text = maskText(c.Decode(v))
	}
	text := func(tag wire.Tag) string {
		o, _ := tlv.Find(tag)
		return maskText(c.Decode(o.Value))
	}
	s.VendorText, s.ExtraResult = text(tagVendorText), text(tagExtraResult)
	s.CustomerBlock, s.MerchantBlock = text(tagCustomerBlock), text(tagMerchantBlock)
	if o, ok := tlv.Find(tagVendorCode); ok {
		s.VendorCode = wire.Nibbles(o.Value)
	}
	s.Display = displayTexts(tlv, c)
	if v, ok := b.Get(bmpApproval); ok {
		s.ApprovalCode, s.ApprovalSource = maskText(trimmed(c, v)), "3B"
	}
	for _, other := range []struct{ source, text string }{
		{"3C", s.Text}, {"1F17", s.VendorText}, {"24", strings.Join(s.Display, "\n")},
	} {
		if s.ApprovalCode == "" {
			s.ApprovalCode, s.ApprovalSource = approvalIn(other.text), other.source
		}
	}
	if s.ApprovalCode == "" {
		s.ApprovalSource = ""
	}
}

// approvalIn finds the approval code that some terminals write into a text: "GEN.NR.:357096".
func approvalIn(text string) string {
	_, after, ok := strings.Cut(strings.ToUpper(text), "GEN.NR.")
	if !ok {
		return ""
	}
	after = strings.TrimLeft(after, ": ")
	end := 0
	for end < len(after) && (after[end] >= '0' && after[end] <= '9' || after[end] >= 'A' && after[end] <= 'Z') {
		end++
	}
	if end > 8 { // an approval code has eight characters at most
		return ""
	}
	return after[:end]
}

func (s *StatusInformation) readClock(b BMPs, tlv Nodes) {
	s.Time, s.Date = digitsOf(b, bmpTime), digitsOf(b, bmpDate)
	if v, ok := b.Get(bmpLongDate); ok && s.Date == "" {
		s.Date = "20" + wire.Nibbles(v)
	}
	date, hasDate := tlv.Find(tagTimeStamp, tagLongDate)
	clock, hasClock := tlv.Find(tagTimeStamp, tagLongTime)
	if hasDate && hasClock && len(date.Value) == 4 && len(clock.Value) == 3 {
		s.Date, s.Time = wire.Nibbles(date.Value), wire.Nibbles(clock.Value)
	}
}

// Clock is the terminal's time of the transaction in near's place. A date without a year gets the year that
// brings it nearest to near, so that a payment around new year is not off by one. ok is false where the
// terminal told no usable date and time.
func (s StatusInformation) Clock(near time.Time) (t time.Time, ok bool) {
	if len(s.Time) != 6 {
		return t, false
	}
	if len(s.Date) == 8 {
		t, err := time.ParseInLocation("20060102150405", s.Date+s.Time, near.Location())
		return t, err == nil
	}
	if len(s.Date) != 4 {
		return t, false
	}
	for year := near.Year() - 1; year <= near.Year()+1; year++ {
		candidate, err := time.ParseInLocation("20060102150405", fmt.Sprintf("%04d", year)+s.Date+s.Time, near.Location())
		if err != nil {
			continue
		}
		if !ok || candidate.Sub(near).Abs() < t.Sub(near).Abs() {
			t, ok = candidate, true
		}
	}
	return t, ok
}

// Brand is the card's name as the terminal says it, else by its card type; empty where neither tells.
func (s StatusInformation) Brand() string {
	if s.CardName == "" && s.HasCardType {
		return CardTypeName(s.CardType)
	}
	return s.CardName
}

// Failure is what the terminal said in words about a payment that failed; empty where it said nothing.
func (s StatusInformation) Failure() string {
	for _, text := range []string{s.Text, s.VendorText, joinTexts(s.Display)} {
		if text != "" {
			return text
		}
	}
	return ""
}

// NeedsSignature tells whether the customer must sign a receipt that the register builds itself
// (PA00P015 ch. 2.2.1; the payment types are card complete's).
func (s StatusInformation) NeedsSignature() bool {
	switch {
	case s.HasCVM:
		return s.CVM == 1 || s.CVM >= 5 && s.CVM <= 7
	case s.HasPaymentType:
		return s.PaymentType == 0x40 || s.PaymentType == 0x60
	}
	return false
}

// readTotals reads BMP 60: two receipt numbers, then count (binary) and sum for each of seven groups.
func readTotals(v []byte) (*Totals, bool) {
	if len(v) < 4 || (len(v)-4)%7 != 0 {
		return nil, false
	}
	t := &Totals{FromReceipt: wire.Nibbles(v[:2]), ToReceipt: wire.Nibbles(v[2:4])}
	for i, rest := 0, v[4:]; len(rest) > 0; i, rest = i+1, rest[7:] {
		sum, err := wire.BCD(rest[1:7])
		if err != nil {
			return nil, false
		}
		name := totalsNames[min(i, len(totalsNames)-1)]
		t.Groups = append(t.Groups, TotalsGroup{Name: name, Count: int(rest[0]), Minor: sum})
	}
	return t, true
}

// TotalMinor is the sum of all groups.
func (t Totals) TotalMinor() int64 {
	var sum int64
	for _, g := range t.Groups {
		sum += g.Minor
	}
	return sum
}
