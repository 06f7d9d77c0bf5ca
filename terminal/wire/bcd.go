package wire

import "fmt"

// BCDError says that a packed BCD field holds a nibble that is no decimal digit.
type BCDError struct {
	Offset int  // of the nibble, the first being 0
	Nibble byte // A to F
}

func (e *BCDError) Error() string {
	return fmt.Sprintf("nibble %d is %X, not a decimal digit", e.Offset, e.Nibble)
}

// Digits reads packed BCD, most significant digit first, as decimal digits, leading zeros kept.
// A nibble above 9 is a *BCDError.
func Digits(p []byte) (string, error) {
	out := make([]byte, 0, 2*len(p))
	for i, b := range p {
		for half, n := range [2]byte{b >> 4, b & 0x0F} {
			if n > 9 {
				return "", &BCDError{Offset: 2*i + half, Nibble: n}
			}
			out = append(out, '0'+n)
		}
	}
	return string(out), nil
}

// BCD reads packed BCD as a number, such as an amount in minor units. At most nine bytes are taken, so that
// the number always fits. A nibble above 9 is a *BCDError.
func BCD(p []byte) (int64, error) {
	if len(p) > 9 {
		return 0, fmt.Errorf("BCD number of %d bytes: at most 9 fit", len(p))
	}
	var n int64
	for i, b := range p {
		for half, d := range [2]byte{b >> 4, b & 0x0F} {
			if d > 9 {
				return 0, &BCDError{Offset: 2*i + half, Nibble: d}
			}
			n = n*10 + int64(d)
		}
	}
	return n, nil
}

// AppendBCD appends a number as size bytes of packed BCD with leading zeros. A negative number and one that
// does not fit are refused and nothing is appended.
func AppendBCD(dst []byte, n int64, size int) ([]byte, error) {
	if n < 0 {
		return dst, fmt.Errorf("BCD number %d: negative", n)
	}
	return AppendDigits(dst, fmt.Sprint(n), size)
}

// AppendDigits appends decimal digits as size bytes of packed BCD with leading zeros. Anything but digits
// and more digits than fit are refused and nothing is appended.
func AppendDigits(dst []byte, digits string, size int) ([]byte, error) {
	if len(digits) > 2*size {
		return dst, fmt.Errorf("%d digits do not fit %d BCD bytes", len(digits), size)
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return dst, fmt.Errorf("BCD digits: byte %d is %q, not a decimal digit", i, digits[i])
		}
	}
	start := len(dst)
	dst = append(dst, make([]byte, size)...)
	for i := range len(digits) {
		place := len(digits) - 1 - i // counted from the right
		nibble := digits[i] - '0'
		if place%2 == 1 {
			nibble <<= 4
		}
		dst[start+size-1-place/2] |= nibble
	}
	return dst, nil
}

// Nibbles is the text of every nibble, 0-9 and A-F. Terminals write E for a masked digit, F for padding and
// D for a separator, so a card number is text and never a number.
func Nibbles(p []byte) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, 2*len(p))
	for _, b := range p {
		out = append(out, hex[b>>4], hex[b&0x0F])
	}
	return string(out)
}

// AppendNibbles appends hexadecimal text, upper or lower case, two nibbles a byte; an odd last nibble is
// padded with F. Other characters are refused and nothing is appended.
func AppendNibbles(dst []byte, text string) ([]byte, error) {
	start := len(dst)
	for i := range len(text) {
		n, ok := nibble(text[i])
		if !ok {
			return dst[:start], fmt.Errorf("nibbles: byte %d is %q, not a hexadecimal digit", i, text[i])
		}
		if i%2 == 0 {
			dst = append(dst, n<<4|0x0F)
		} else {
			dst[len(dst)-1] = dst[len(dst)-1]&0xF0 | n
		}
	}
	return dst, nil
}

func nibble(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}
