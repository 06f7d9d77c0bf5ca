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
// It holds what is decided by or kept, no more of a card number than its last four digits, and no track data.
type StatusInformation struct {
	Result    byte // BMP 27, only if HasResult; see ResultText
	HasResult bool

	AmountMinor             int64 // BMP 04, only if HasAmount
	HasAmount               bool  // an amount came and is decimal
	TipMinor, CashbackMinor int64 // contained in AmountMinor
	CurrencyNumeric         int   // BMP 49; 0 where it is missing

	Trace         string // BMP 0B; TLV 1F2B where 0B is zero or missing
	OriginalTrace string // BMP 37, of the sale that a reversal took back
	ReceiptNo     string // BMP 87, four digits
	TurnoverNo    string // BMP 88
	TerminalID    string // BMP 29
	ApprovalCode  string // BMP 3B without padding, else from the texts

	CardType    int // BMP 8A, TLV 41 where it says so; only if HasCardType
	HasCardType bool
	CardName    string // BMP 8B; see Brand
	CardLast4   string // at most four digits, fewer where the terminal masks them
	AID         string // id of the chip's application, hexadecimal

	Date string // MMDD, or YYYYMMDD where the terminal tells the year
	Time string // HHMMSS

	Text       string   // BMP 3C
	VendorCode string   // TLV 1F16, hexadecimal
	VendorText string   // TLV 1F17
	Display    []string // texts in TLV 24

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
	s.OriginalTrace = digitsOf(b, bmpOrigTrace)
	s.ReceiptNo = digitsOf(b, bmpReceiptNo)
	s.TurnoverNo = digitsOf(b, bmpTurnoverNo)
	s.TerminalID = digitsOf(b, bmpTerminalID)
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
	s.TipMinor, s.CashbackMinor = tlvNumber(tlv, tagTip), tlvNumber(tlv, tagCashback)
}

// tlvNumber is an object that is a number; 0 where it is missing or none.
func tlvNumber(tlv Nodes, tag wire.Tag) int64 {
	o, _ := tlv.Search(tag)
	n, err := wire.BCD(o.Value)
	if err != nil {
		return 0
	}
	return n
}

func (s *StatusInformation) readNumbers(b BMPs, tlv Nodes) {
	s.Trace = digitsOf(b, bmpTrace)
	if strings.Trim(s.Trace, "0") == "" {
		if o, ok := tlv.Search(tagLongTrace); ok && len(o.Value) > 0 {
			s.Trace = wire.Nibbles(o.Value)
		}
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
	if o, ok := tlv.Search(tagAID); ok {
		s.AID = wire.Nibbles(o.Value)
	}
}

func (s *StatusInformation) readTexts(b BMPs, tlv Nodes, c Charset) {
	if v, ok := b.Get(bmpText); ok {
		s.Text = maskText(c.Decode(v))
	}
	vendor, _ := tlv.Find(tagVendorText)
	s.VendorText = maskText(c.Decode(vendor.Value))
	if o, ok := tlv.Find(tagVendorCode); ok {
		s.VendorCode = wire.Nibbles(o.Value)
	}
	s.Display = displayTexts(tlv, c)
	if v, ok := b.Get(bmpApproval); ok {
		s.ApprovalCode = maskText(trimmed(c, v))
	}
	for _, text := range []string{s.Text, s.VendorText, strings.Join(s.Display, "\n")} {
		if s.ApprovalCode == "" {
			s.ApprovalCode = approvalIn(text)
		}
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
