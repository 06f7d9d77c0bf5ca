package wire

import (
	"errors"
	"fmt"
)

// Tag is a BER-style tag of one to three bytes, read as one big-endian number: 07, 1F10, 1F8000.
type Tag uint32

// Constructed tells whether the tag's own bit says that objects are nested in its value. Terminals use that
// bit for raw data too, so it is a hint.
func (t Tag) Constructed() bool {
	for t > 0xFF {
		t >>= 8
	}
	return t&0x20 != 0
}

// String is the tag in hex as the papers write it: "07", "1F10".
func (t Tag) String() string {
	switch {
	case t > 0xFFFF:
		return fmt.Sprintf("%06X", uint32(t))
	case t > 0xFF:
		return fmt.Sprintf("%04X", uint32(t))
	}
	return fmt.Sprintf("%02X", uint32(t))
}

// TLV is one object: a tag and the bytes of its value.
type TLV struct {
	Tag   Tag
	Value []byte
}

// ReadTag reads the tag at the start of p and tells its length. If the low five bits of the first byte are
// all set, a second byte follows, and a third when the second has its top bit set. More than three bytes
// are refused.
func ReadTag(p []byte) (t Tag, n int, err error) {
	if len(p) == 0 {
		return 0, 0, fmt.Errorf("tag: %w", ErrTruncated)
	}
	t = Tag(p[0])
	if p[0]&0x1F != 0x1F {
		return t, 1, nil
	}
	for n = 1; n < 3; n++ {
		if n == len(p) {
			return 0, 0, fmt.Errorf("tag: %w", ErrTruncated)
		}
		t = t<<8 | Tag(p[n])
		if p[n]&0x80 == 0 {
			return t, n + 1, nil
		}
	}
	return 0, 0, errors.New("tag: longer than three bytes")
}

// ReadLength reads the length at the start of p and tells how many bytes it takes: 00..7F itself, 81 and one
// byte, 82 and two bytes, most significant first. Other forms are refused.
func ReadLength(p []byte) (length, n int, err error) {
	if len(p) == 0 {
		return 0, 0, fmt.Errorf("length: %w", ErrTruncated)
	}
	size := 0
	switch b := p[0]; {
	case b < 0x80:
		return int(b), 1, nil
	case b == 0x81:
		size = 1
	case b == 0x82:
		size = 2
	default:
		return 0, 0, fmt.Errorf("length: form %02X is not known", b)
	}
	if len(p) < 1+size {
		return 0, 0, fmt.Errorf("length: %w", ErrTruncated)
	}
	for _, b := range p[1 : 1+size] {
		length = length<<8 | int(b)
	}
	return length, 1 + size, nil
}

// ReadTLV reads the object at the start of p and returns what follows it. The value shares p's memory.
func ReadTLV(p []byte) (o TLV, rest []byte, err error) {
	tag, n, err := ReadTag(p)
	if err != nil {
		return TLV{}, p, err
	}
	length, m, err := ReadLength(p[n:])
	if err != nil {
		return TLV{}, p, fmt.Errorf("tag %s: %w", tag, err)
	}
	start := n + m
	if len(p)-start < length {
		return TLV{}, p, fmt.Errorf("tag %s: %d bytes announced, %d there: %w", tag, length, len(p)-start, ErrTruncated)
	}
	return TLV{Tag: tag, Value: p[start : start+length : start+length]}, p[start+length:], nil
}

// ReadTLVs reads objects until p ends or one is not readable. Then it returns those before, the bytes from
// the bad one on, and the error.
func ReadTLVs(p []byte) (objects []TLV, rest []byte, err error) {
	for len(p) > 0 {
		var o TLV
		if o, p, err = ReadTLV(p); err != nil {
			return objects, p, err
		}
		objects = append(objects, o)
	}
	return objects, nil, nil
}

// AppendTag appends the bytes of a tag.
func AppendTag(dst []byte, t Tag) []byte {
	if t > 0xFFFF {
		dst = append(dst, byte(t>>16))
	}
	if t > 0xFF {
		dst = append(dst, byte(t>>8))
	}
	return append(dst, byte(t))
}

// AppendLength appends a length in its shortest form. A negative one and one above 65535 are refused.
func AppendLength(dst []byte, length int) ([]byte, error) {
	switch {
	case length < 0 || length > 0xFFFF:
		return dst, fmt.Errorf("length %d: want 0 to 65535", length)
	case length > 0xFF:
		return append(dst, 0x82, byte(length>>8), byte(length)), nil
	case length > 0x7F:
		return append(dst, 0x81, byte(length)), nil
	}
	return append(dst, byte(length)), nil
}

// AppendTLV appends an object.
func AppendTLV(dst []byte, t Tag, value []byte) ([]byte, error) {
	start := len(dst)
	dst, err := AppendLength(AppendTag(dst, t), len(value))
	if err != nil {
		return dst[:start], fmt.Errorf("tag %s: %w", t, err)
	}
	return append(dst, value...), nil
}
