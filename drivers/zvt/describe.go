package zvt

import (
	"errors"
	"fmt"
	"strings"

	"tillbridge/terminal/wire"
)

// maxDescription bounds a line of the trace.
const maxDescription = 600

// Describe is an APDU in one line for the wire trace: its name and its fields, card data and passwords
// masked. It takes any bytes.
func Describe(apdu []byte) string {
	masked := Mask(apdu)
	a, err := ParseAPDU(masked)
	if err != nil {
		return clip(fmt.Sprintf("%s: % X", describeError(err), masked))
	}
	m := TakeApart(a)
	parts := []string{strings.TrimSpace(a.Command.String() + " " + a.Command.Name())}
	if a.Command.IsAnswer() && a.Command != CmdAccepted && a.Command != CmdRefused {
		parts = append(parts, fmt.Sprintf("%q", ResultText(byte(a.Command)).EN))
	}
	for _, f := range m.Fixed {
		parts = append(parts, f.Name+"="+describeFixed(f))
	}
	for _, b := range m.Fields {
		parts = append(parts, bmpName(b.ID)+"="+describeBMP(b))
	}
	for _, b := range m.Again {
		parts = append(parts, "again:"+bmpName(b.ID)+"="+describeBMP(b))
	}
	if len(m.Rest) > 0 {
		parts = append(parts, fmt.Sprintf("unread[%s]=%X", m.Why, m.Rest))
	}
	return clip(strings.Join(parts, " "))
}

func describeError(err error) string {
	var le *LengthError
	if errors.As(err, &le) {
		return le.Error()
	}
	return "no whole APDU"
}

func describeFixed(f Field) string {
	switch {
	case f.Secret:
		return "***"
	case f.Text:
		return fmt.Sprintf("%q", maskText(CharsetAuto.Decode(f.Value)))
	case f.Name == "result":
		return fmt.Sprintf("%02X(%s)", f.Value[0], ResultText(f.Value[0]).EN)
	case f.Name == "status":
		return fmt.Sprintf("%02X(%s)", f.Value[0], IntermediateText(f.Value[0]).EN)
	}
	return maskText(wire.Nibbles(f.Value))
}

func describeBMP(b BMP) string {
	switch b.ID {
	case bmpAmount:
		if n, err := wire.BCD(b.Value); err == nil {
			return fmt.Sprint(n)
		}
	case bmpResult:
		return fmt.Sprintf("%02X(%s)", b.Value[0], ResultText(b.Value[0]).EN)
	case bmpPAN:
		return "*" + lastFour(wire.Nibbles(b.Value))
	case bmpTrack1, bmpTrack2, bmpTrack3, 0x3A, 0x3D:
		return "***"
	case bmpContractNo, bmpApproval:
		return quoted(b.Value)
	case bmpTLV:
		return describeNodes(0, ParseTLV(b.Value))
	case bmpTotals:
		if t, ok := readTotals(b.Value); ok {
			return fmt.Sprintf("%s-%s%v", t.FromReceipt, t.ToReceipt, t.Groups)
		}
	case bmpCardType:
		if name := CardTypeName(int(b.Value[0])); name != "" {
			return fmt.Sprintf("%d(%s)", b.Value[0], name)
		}
		return fmt.Sprint(b.Value[0])
	}
	if isTextBMP(b.ID) {
		return quoted(b.Value)
	}
	return maskText(wire.Nibbles(b.Value))
}

func quoted(value []byte) string { return fmt.Sprintf("%q", maskText(trimmed(CharsetAuto, value))) }

func describeNodes(parent wire.Tag, nodes Nodes) string {
	var out []string
	for _, o := range nodes {
		name := o.Tag.String()
		if word := TagName(parent, o.Tag); word != "" {
			name += ":" + word
		}
		switch {
		case o.Tag == 0:
			out = append(out, fmt.Sprintf("unread=%X", o.Value))
		case len(o.Children) > 0:
			out = append(out, name+describeNodes(o.Tag, o.Children))
		case isText(o.Tag):
			out = append(out, fmt.Sprintf("%s=%q", name, maskText(CharsetAuto.Decode(o.Value))))
		default:
			out = append(out, name+"="+maskText(wire.Nibbles(o.Value)))
		}
	}
	return "{" + strings.Join(out, " ") + "}"
}

func isText(t wire.Tag) bool {
	switch t {
	case tagText, tagExtraResult, tagVendorText, tagDeviceName, tagSoftware, tagApplication, tagPreferredName,
		tagCustomerBlock, tagMerchantBlock, 0x15, 0x1F62, 0x1F63, 0x64, 0x65, 0x66, 0x67, 0x68:
		return true
	}
	return false
}

func clip(s string) string {
	if len(s) <= maxDescription {
		return s
	}
	return strings.ToValidUTF8(s[:maxDescription], "") + "…"
}
