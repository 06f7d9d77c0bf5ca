package doctor

import (
	"net/netip"
	"reflect"
	"testing"
)

func TestParseExcluded(t *testing.T) {
	for text, want := range map[string][][2]uint16{
		netshGerman: {{5357, 5357}, {50000, 50059}}, netshTaken: {{8434, 8533}, {50000, 50059}},
		"": nil, "1 2 3\n70000 70001\n9 8\n": nil,
	} {
		if got := parseExcluded(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestParsePower(t *testing.T) {
	for _, x := range []struct {
		text           string
		mains, battery uint64
		ok             bool
	}{{powercfgOff, 0, 900, true}, {powercfgUSBGerman, 1, 0, true}, {powercfgSleep30, 1800, 900, true}, {"Invalid Parameters\r\n", 0, 0, false}} {
		if m, b, ok := parsePower(x.text); m != x.mains || b != x.battery || ok != x.ok {
			t.Errorf("%d %d %t, want %+v", m, b, ok, x)
		}
	}
}

func TestParseSC(t *testing.T) {
	for text, want := range map[string]service{
		scRunning:       {installed: true, running: true, word: "running"},
		scStoppedGerman: {installed: true, word: "stopped"},
	} {
		if got, ok := parseSC(text); !ok || got != want {
			t.Errorf("%+v %t, want %+v", got, ok, want)
		}
	}
	if got, ok := parseSC(scMissing); ok {
		t.Errorf("a service that is not there reads as %+v", got)
	}
	if !startType.MatchString(scConfig) {
		t.Error("the start type is not read")
	}
}

func TestParseNetstat(t *testing.T) {
	got := parseNetstat(netstatGerman, []uint16{8473, 8474})
	want := []Listener{
		{netip.MustParseAddrPort("127.0.0.1:8473"), Process{PID: 4242}}, {netip.MustParseAddrPort("[::]:8474"), Process{PID: 77}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestStrength(t *testing.T) {
	for _, x := range []struct {
		secret string
		least  float64
		most   float64
	}{
		{"12345678", 0, 20},
		{"aaaaaaaaaaaaaaaaaaaa", 0, 35},
		{"password", 0, 20},
		{"Password123!", 0, 35},
		{"abcabcabcabcabc", 0, 35},
		{"qwertzuiop", 0, 50},
		{"19840612", 0, 35},
		{"blue7tree92", bitsGuessed, bitsStrong},
		{"correct horse battery staple", bitsStrong, 300},
		{goodPasscode, 150, 300},
	} {
		bits, why := Strength(x.secret)
		if bits < x.least || bits > x.most || why == "" {
			t.Errorf("%q has %.0f bits (%s), want %.0f to %.0f", x.secret, bits, why, x.least, x.most)
		}
	}
}

func TestCovers(t *testing.T) {
	const o = "https://www.mgr.example"
	for pattern, want := range map[string]bool{
		o: true, o + "/": true, o + "/*": true, "*": true, "[*.]mgr.example": true, "https://[*.]mgr.example": true, "www.mgr.example": true,
		"http://www.mgr.example": false, "https://mgr.example": false, "[*.]gr.example": false, "https://www.mgr.example.evil": false,
	} {
		if got := covers(pattern, o); got != want {
			t.Errorf("%q covers: %t, want %t", pattern, got, want)
		}
	}
}
