package zvt

import "tillbridge/terminal/wire"

// maxDepth bounds how deep containers are taken apart; real ones nest three or four deep.
const maxDepth = 12

// The TLV tags that the driver reads (PA00P015 ch. 9.4). A tag's meaning depends on the container that it
// is in, and its number on nothing else: tag 41 is not BMP 41.
const (
	tagText          wire.Tag = 0x07
	tagReceipt       wire.Tag = 0x08 // receipt number, in 23
	tagAttribute     wire.Tag = 0x09
	tagCommand       wire.Tag = 0x0A
	tagWidth         wire.Tag = 0x12 // printer characters per line
	tagExtraResult   wire.Tag = 0x13
	tagCharset       wire.Tag = 0x14
	tagReceiptType   wire.Tag = 0x1F07
	tagLongDate      wire.Tag = 0x1F0E
	tagLongTime      wire.Tag = 0x1F0F
	tagVendorCode    wire.Tag = 0x1F16
	tagVendorText    wire.Tag = 0x1F17
	tagCashback      wire.Tag = 0x1F25
	tagLongTrace     wire.Tag = 0x1F2B
	tagTip           wire.Tag = 0x1F36
	tagReceiptInfo   wire.Tag = 0x1F37
	tagDeviceName    wire.Tag = 0x1F40
	tagSoftware      wire.Tag = 0x1F41
	tagSerialNumber  wire.Tag = 0x1F42
	tagTerminalID    wire.Tag = 0x1F44
	tagOpenPreauths  wire.Tag = 0x23
	tagDisplay       wire.Tag = 0x24
	tagPrint         wire.Tag = 0x25
	tagCommands      wire.Tag = 0x26
	tagCharsets      wire.Tag = 0x27
	tagTimeStamp     wire.Tag = 0x2E
	tagLongCardType  wire.Tag = 0x41
	tagApplication   wire.Tag = 0x42 // application label
	tagAID           wire.Tag = 0x43
	tagPreferredName wire.Tag = 0x44
	tagCustomerBlock wire.Tag = 0x46
	tagMerchantBlock wire.Tag = 0x47
	tagFileBlock     wire.Tag = 0x1C
)

// Node is one object of a TLV container.
type Node struct {
	Tag      wire.Tag
	Value    []byte
	Children Nodes // what is nested in the value; nil where it is opaque
	// Opaque tells that the tag promised nested objects and the value holds none that can be read.
	Opaque bool
}

// Nodes are objects in the order of the message.
type Nodes []Node

// ParseTLV takes a container apart. It never fails: bytes that are no object end as one opaque Node with
// tag 0. The values share p's memory.
func ParseTLV(p []byte) Nodes { return parseTLV(p, maxDepth) }

func parseTLV(p []byte, depth int) Nodes {
	objects, rest, _ := wire.ReadTLVs(p)
	var out Nodes
	for _, o := range objects {
		out = append(out, node(o, depth))
	}
	if len(rest) > 0 {
		out = append(out, Node{Value: rest, Opaque: true})
	}
	return out
}

// node takes one object apart. Private tags with the constructed bit hold raw data in the wild, and 1C,
// which has not that bit, holds nested objects at one maker: so the inside decides.
func node(o wire.TLV, depth int) Node {
	n := Node{Tag: o.Tag, Value: o.Value}
	if !o.Tag.Constructed() && o.Tag != tagFileBlock || len(o.Value) == 0 {
		return n
	}
	if _, rest, err := wire.ReadTLVs(o.Value); err != nil || len(rest) > 0 || depth <= 1 {
		n.Opaque = o.Tag.Constructed()
		// A print or display container whose tail is damaged still has lines worth showing.
		if depth > 1 && (o.Tag == tagPrint || o.Tag == tagDisplay) {
			n.Children = parseTLV(o.Value, depth-1)
		}
		return n
	}
	n.Children = parseTLV(o.Value, depth-1)
	return n
}

// Find follows a path of tags from the outside in and returns the first match.
func (n Nodes) Find(path ...wire.Tag) (Node, bool) {
	for _, o := range n {
		if len(path) == 0 || o.Tag != path[0] || o.Tag == 0 {
			continue
		}
		if len(path) == 1 {
			return o, true
		}
		if found, ok := o.Children.Find(path[1:]...); ok {
			return found, true
		}
	}
	return Node{}, false
}

// Search returns the first object with the tag at any depth, outer ones first.
func (n Nodes) Search(tag wire.Tag) (Node, bool) {
	if found, ok := n.Find(tag); ok {
		return found, true
	}
	for _, o := range n {
		if found, ok := o.Children.Search(tag); ok {
			return found, true
		}
	}
	return Node{}, false
}

// TagName is what a tag means inside the container parent, 0 for the outermost; empty where it is not
// known.
func TagName(parent, tag wire.Tag) string {
	switch {
	case parent == tagOpenPreauths && tag == tagReceipt:
		return "receipt number"
	case parent == tagCommands && tag == tagCommand:
		return "command"
	case parent == tagPrint && tag == tagAttribute:
		return "attribute"
	case parent == 0x2D && tag == 0x1D:
		return "file id"
	case parent == 0x31 && tag == 0x1F20:
		return "amount"
	}
	return tagNames[tag]
}

var tagNames = map[wire.Tag]string{
	0x07: "text", 0x08: "receipt number", 0x09: "attribute", 0x0A: "command", 0x0B: "info", 0x0C: "info", 0x0F: "assignment",
	0x10: "merchant display", 0x11: "customer display", 0x12: "printer width", 0x13: "extra result", 0x14: "character set",
	0x15: "language", 0x1A: "max APDU", 0x1B: "diagnosis", 0x1C: "file block", 0x1D: "file id", 0x1E: "position",
	0x1F00: "file size", 0x1F01: "receipt id", 0x1F02: "from receipt", 0x1F03: "to receipt", 0x1F04: "receipt parameters",
	0x1F05: "transaction parameters", 0x1F06: "reservation kind", 0x1F07: "receipt type", 0x1F08: "track 1", 0x1F09: "track 2",
	0x1F0A: "track 3", 0x1F0D: "host data", 0x1F0E: "date", 0x1F0F: "time", 0x1F10: "CVM", 0x1F11: "online",
	0x1F12: "technology", 0x1F13: "requested action", 0x1F14: "card token", 0x1F15: "token kinds", 0x1F16: "vendor code",
	0x1F17: "vendor text", 0x1F1F: "sync id", 0x1F20: "amount", 0x1F21: "currency", 0x1F1E: "decimals", 0x1F1D: "kind",
	0x1F25: "cashback", 0x1F26: "end of day mode", 0x1F2B: "long trace", 0x1F36: "tip", 0x1F37: "receipt info",
	0x1F3B: "tip later", 0x1F40: "device", 0x1F41: "software", 0x1F42: "serial number", 0x1F43: "device state",
	0x1F44: "terminal id", 0x1F54: "key generation", 0x1F55: "locks", 0x1F56: "CID", 0x1F5B: "poll time",
	0x1F60: "technologies", 0x1F62: "reference kind", 0x1F63: "reference", 0x1F64: "payments", 0x1F6A: "remaining amount",
	0x1F70: "partial approval", 0x1F71: "tags", 0x1F73: "sequence", 0x1F74: "long password", 0x1F78: "reboot info",
	0x1F79: "requested action", 0x20: "fleet", 0x21: "permitted goods", 0x22: "forbidden goods", 0x23: "open pre-authorisations",
	0x24: "display", 0x25: "print", 0x26: "commands", 0x27: "character sets", 0x28: "languages", 0x2D: "file",
	0x2E: "time stamp", 0x2F: "payment type", 0x30: "card list", 0x31: "amounts", 0x34: "clock", 0x35: "next reboot",
	0x40: "EMV tags", 0x41: "card type", 0x42: "application", 0x43: "AID", 0x44: "preferred name", 0x45: "receipt duty",
	0x46: "customer block", 0x47: "merchant block", 0x49: "network card type", 0x4A: "product", 0x4B: "issuer country",
	0x4C: "card UID", 0x4D: "EF_ID", 0x60: "application", 0x61: "stripe applications", 0x62: "chip applications",
	0x64: "header", 0x65: "advertising", 0x66: "customer data", 0x67: "merchant data", 0x68: "outcome text",
	0x69: "reference transaction", 0xE1: "bonus", 0xE2: "DCC", 0xE3: "barcode", 0xE4: "device", 0xE7: "merchant SAM",
	0xE8: "value added", 0xE9: "reference",
}
