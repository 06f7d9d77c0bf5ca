package wire

import "testing"

func TestDescribeDLE(t *testing.T) {
	frame := string(AppendDLE(nil, []byte("a\x10c")))
	for in, want := range map[string]string{
		"":                               "",
		"xy" + frame + "\x06z":           "noise(2) frame=a\x10c ACK noise(1)",
		"\x15" + frame[:4]:               "NAK unfinished(4)",
		"?" + frame[:len(frame)-1] + "?": "noise(1) damaged(" + DLEBadCRC.String() + ", 10)",
		"\x10\x02a\x10b\x10\x03..\x06":   "damaged(" + DLEMalformed.String() + ", 9) ACK",
		frame[:3] + frame:                "damaged(" + DLERestart.String() + ", 5) frame=a\x10c",
		frame[:3] + frame[:4]:            "damaged(" + DLERestart.String() + ", 5) unfinished(3)",
		"\x10\x02" + string(make([]byte, 20)) + "\x10\x03..": "damaged(" + DLETooLong.String() + ", 26)",
	} {
		if got := NewDLEReader(16).Describe([]byte(in), func(b []byte) string { return "frame=" + string(b) }); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	f := STXFormat{Covers: CoverBodyETX, Progress: 3}
	frame := string(f.Append(nil, []byte("abc")))
	for in, want := range map[string]string{
		"":                                      "",
		"xy" + frame + "\x06z":                  "noise(2) frame=abc ACK noise(1)",
		"\x15\x05\x04" + frame[:3]:              "NAK ENQ EOT unfinished(3)",
		"?" + frame[:len(frame)-1] + "\x00\x06": "noise(1) damaged(" + STXBadLRC.String() + ", 6) ACK",
		"\x01one\x04":                           "progress=one",
		"\x02" + string(make([]byte, 20)) + "\x03\x00" + frame: "damaged(" + STXTooLong.String() + ", 23) frame=abc",
	} {
		r := NewSTXReader(f, 16)
		got := r.Describe([]byte(in), func(e STXEvent) string {
			if e.Kind == STXProgress {
				return "progress=" + string(e.Body)
			}
			return "frame=" + string(e.Body)
		})
		if got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
