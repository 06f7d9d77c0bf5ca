package wire

import "fmt"

// ReadLLVAR reads a value with a length of two bytes Fx Fy, 10x + y, and returns what follows it. Only the
// low nibbles count (PA00P015 ch. 6.2); one above 9 is refused. The value shares p's memory.
func ReadLLVAR(p []byte) (value, rest []byte, err error) { return readVar(p, 2) }

// ReadLLLVAR reads a value with a length of three bytes, 100x + 10y + z; otherwise as ReadLLVAR.
func ReadLLLVAR(p []byte) (value, rest []byte, err error) { return readVar(p, 3) }

func readVar(p []byte, places int) (value, rest []byte, err error) {
	if len(p) < places {
		return nil, p, fmt.Errorf("variable length: %w", ErrTruncated)
	}
	length := 0
	for _, b := range p[:places] {
		if b&0x0F > 9 {
			return nil, p, fmt.Errorf("variable length: byte %02X is not a digit", b)
		}
		length = length*10 + int(b&0x0F)
	}
	end := places + length
	if len(p) < end {
		return nil, p, fmt.Errorf("variable length: %d bytes announced, %d there: %w", length, len(p)-places, ErrTruncated)
	}
	return p[places:end:end], p[end:], nil
}

// AppendLLVAR appends a value of at most 99 bytes with its length Fx Fy.
func AppendLLVAR(dst, value []byte) ([]byte, error) {
	if len(value) > 99 {
		return dst, fmt.Errorf("LLVAR value of %d bytes: at most 99", len(value))
	}
	dst = append(dst, 0xF0|byte(len(value)/10), 0xF0|byte(len(value)%10))
	return append(dst, value...), nil
}

// AppendLLLVAR appends a value of at most 999 bytes with its length Fx Fy Fz.
func AppendLLLVAR(dst, value []byte) ([]byte, error) {
	if len(value) > 999 {
		return dst, fmt.Errorf("LLLVAR value of %d bytes: at most 999", len(value))
	}
	n := len(value)
	dst = append(dst, 0xF0|byte(n/100), 0xF0|byte(n/10%10), 0xF0|byte(n%10))
	return append(dst, value...), nil
}
