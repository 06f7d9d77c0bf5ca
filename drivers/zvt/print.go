package zvt

import "tillbridge/terminal"

// Receipt kinds (TLV 1F07).
const (
	ReceiptUnknown        = 0
	ReceiptMerchant       = 1
	ReceiptCustomer       = 2
	ReceiptAdministration = 3
)

// ReceiptSignature is the receipt information bit (TLV 1F37) of a receipt with a line to sign on.
const ReceiptSignature = 0x02

// Print is what one print command brought (PA00P015 ch. 3.9 and 3.10).
type Print struct {
	Lines []terminal.Line
	Kind  byte // Receipt…; ReceiptUnknown where it is not told
	Info  byte // receipt information bits
	// Ends tells that this is the end of a receipt: what comes next is another one.
	Ends bool
}

// A print attribute (PA00P015 ch. 3.9).
const (
	attrLast       = 0x80 // last line of the receipt
	attrReserved   = 0x80 // 80 alone means nothing
	attrCentred    = 0x40
	attrWide       = 0x20
	attrTall       = 0x10
	attrIndent     = 0x0F
	attrFeed       = 0xFF // line feeds, the next byte says how many
	maxReceiptFeed = 20   // line feeds at once; more is a mistake
)

func lineOf(attr byte, text string) terminal.Line {
	l := terminal.Line{Text: maskText(text), Wide: attr&attrWide != 0, Tall: attr&attrTall != 0, Centred: attr&attrCentred != 0}
	if !l.Centred {
		l.Indent = int(attr & attrIndent)
	}
	return l
}

// endsReceipt tells whether the attribute marks a receipt's last line.
func endsReceipt(attr byte) bool {
	return attr&attrLast != 0 && attr != attrReserved && attr != attrFeed
}

// ReadPrintLine reads the data of 06 D1.
func ReadPrintLine(data []byte, c Charset) Print {
	text, container := splitPrintLine(data)
	var p Print
	p.readContainer(ParseBMPs(container).TLV(), c)
	if len(text) == 0 {
		return p
	}
	attr, text := text[0], text[1:]
	if attr == attrFeed {
		count := 1
		if len(text) > 0 {
			count = min(int(text[0]), maxReceiptFeed)
		}
		p.Lines = make([]terminal.Line, count)
		return p
	}
	p.Ends = endsReceipt(attr)
	if p.Ends && len(text) == 0 { // the bare mark of the end
		return p
	}
	p.Lines = []terminal.Line{lineOf(attr, c.Decode(text))}
	return p
}

// ReadPrintBlock reads the data of 06 D3. A character set that the block names holds for it.
func ReadPrintBlock(data []byte, c Charset) Print {
	var p Print
	p.readContainer(ParseBMPs(data).TLV(), c)
	return p
}

func (p *Print) readContainer(tlv Nodes, c Charset) {
	if o, ok := tlv.Find(tagReceiptType); ok && len(o.Value) == 1 {
		p.Kind = o.Value[0]
	}
	if o, ok := tlv.Find(tagReceiptInfo); ok && len(o.Value) == 1 {
		p.Info = o.Value[0]
	}
	if o, ok := tlv.Find(tagCharset); ok {
		if named, known := CharsetOfTag(o.Value); known && named != CharsetASCII {
			c = named
		}
	}
	box, ok := tlv.Find(tagPrint)
	if !ok {
		return
	}
	var attr byte
	closed := false
	for _, o := range box.Children {
		switch {
		case o.Tag == tagAttribute && len(o.Value) > 0 && o.Value[0] == attrFeed:
			// Terminals end a block with FF and mean the end of the receipt, all bits set. Before a text it is
			// no attribute of a line.
			attr, closed = 0, true
		case o.Tag == tagAttribute && len(o.Value) > 0:
			attr = o.Value[0]
			p.Ends = p.Ends || endsReceipt(attr)
		case o.Tag == tagText:
			p.Lines, closed = append(p.Lines, lineOf(attr, c.Decode(o.Value))), false
		}
	}
	p.Ends = p.Ends || closed
}

// ReceiptText is a receipt that is complete.
type ReceiptText struct {
	Lines []terminal.Line
	Kind  byte // Receipt…
	Info  byte // receipt information bits
}

// maxReceiptLines bounds one receipt, the lines after are lost; real ones have below two hundred.
const maxReceiptLines = 2000

// ReceiptRoll puts the print commands of a dialogue together into receipts. Its zero value is ready.
type ReceiptRoll struct {
	open ReceiptText
	some bool
}

// Add takes what a print command brought. ok is true when a receipt is complete with it.
//
// A receipt ends with its last line, or where a text block of another kind begins.
func (r *ReceiptRoll) Add(p Print) (done []ReceiptText) {
	if r.some && p.Kind != ReceiptUnknown && r.open.Kind != ReceiptUnknown && p.Kind != r.open.Kind && len(p.Lines) > 1 {
		done = append(done, r.take())
	}
	r.some = r.some || len(p.Lines) > 0
	if r.open.Kind == ReceiptUnknown {
		r.open.Kind = p.Kind
	}
	r.open.Info |= p.Info
	r.open.Lines = append(r.open.Lines, p.Lines[:min(len(p.Lines), maxReceiptLines-len(r.open.Lines))]...)
	if p.Ends && r.some {
		done = append(done, r.take())
	}
	return done
}

// Flush is the receipt that was begun, if there is one: the dialogue is over and its end never came.
func (r *ReceiptRoll) Flush() (open ReceiptText, ok bool) {
	if !r.some {
		return ReceiptText{}, false
	}
	return r.take(), true
}

func (r *ReceiptRoll) take() ReceiptText {
	out := r.open
	*r = ReceiptRoll{}
	return out
}
