package wire

import "testing"

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
