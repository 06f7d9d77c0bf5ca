package wire

// Kermit continues the CRC-16/KERMIT of the bytes before over p; start with 0.
//
// Polynomial 1021 reflected (8408), initial value 0, no final xor; "123456789" gives 2189. The paper on the
// ZVT transport (PA00P016) calls it CRC-XModem, which it is not.
func Kermit(crc uint16, p []byte) uint16 {
	for _, b := range p {
		crc ^= uint16(b)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8408
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}

// LRC is the exclusive or of seed and all bytes of p. The seed is 0 in most protocols, 7F in some.
func LRC(seed byte, p []byte) byte {
	for _, b := range p {
		seed ^= b
	}
	return seed
}
