package config

import (
	"strings"
	"testing"

	"tillbridge/terminal"
)

// dialling is a driver whose terminals dial the till.
func dialling() terminal.Driver {
	return terminal.Driver{Name: "dialling", Line: terminal.LineDefaults{TCPPort: 18101, Listens: true}}
}

func TestListen(t *testing.T) {
	read := func(port string) (Port, string) {
		w := world{env: map[string]string{passcodeEnv: goodPass}}
		text := `terminals: {a: {driver: ` + strings.Replace(port, " ", `, port: `, 1) + `, currency: GBP}}`
		s, err := Parse("f", []byte(text), []terminal.Driver{dialling(), dialled()}, w.Env())
		if err != nil {
			return Port{}, err.Error()
		}
		return s.Terminals[0].Port, ""
	}
	for text, want := range map[string]Port{
		`dialling {listen: "0.0.0.0:18101"}`:                   {TCP: "0.0.0.0:18101", Listen: true},
		`dialling {listen: 192.168.1.10, allow: 192.168.1.50}`: {TCP: "192.168.1.10:18101", Listen: true, Allow: "192.168.1.50"},
		`dialling {listen: ":9000", allow: "fd00::1"}`:         {TCP: ":9000", Listen: true, Allow: "fd00::1"},
		`dialling {tcp: "192.168.1.50"}`:                       {TCP: "192.168.1.50:18101"},
	} {
		got, problem := read(text)
		if got != want || problem != "" {
			t.Errorf("%s: %+v, %s", text, got, problem)
		}
		if again, problem := read("dialling " + want.network()); again != want || problem != "" {
			t.Errorf("%s is written as %s and read as %+v, %s", text, want.network(), again, problem)
		}
	}
	for text, want := range map[string]string{
		`dialling {listen: "till:18101"}`:                         "listen: \"till:18101\" is not an address of this computer",
		`dialling {listen: "0.0.0.0:0"}`:                          "listen: \"0\" is not a port number",
		`dialling {listen: "0.0.0.0:18101", allow: terminal}`:     "allow: \"terminal\" is not an IP address",
		`dialling {listen: "0.0.0.0:18101", baud: 9600}`:          "baud: this has no meaning where the terminal dials",
		`dialling {tcp: "192.168.1.50", allow: 192.168.1.50}`:     "allow: this belongs to listen",
		`dialling {tcp: "192.168.1.50", listen: "0.0.0.0:18101"}`: "tcp and listen are both given",
		`dialled {listen: "0.0.0.0:18101"}`:                       "listen: the terminals of driver dialled are dialled",
		`dialling {}`:                                             `port: {listen: "0.0.0.0:18101", allow: "192.168.1.50"}`,
	} {
		if got, problem := read(text); !strings.Contains(problem, want) {
			t.Errorf("%s: %+v, %q, want %q", text, got, problem, want)
		}
	}
	on := func(address string) Port { return Port{TCP: address, Listen: true} }
	for _, c := range []struct {
		a, b Port
		want bool
	}{
		{on("0.0.0.0:18101"), on("192.168.1.10:18101"), true},
		{on(":18101"), on("[::]:18101"), true},
		{on("10.0.0.1:18101"), on("10.0.0.2:18101"), false},
		{on("0.0.0.0:18101"), on("0.0.0.0:18102"), false},
		{on("0.0.0.0:18101"), Port{TCP: "0.0.0.0:18101"}, false},
	} {
		if c.a.overlaps(c.b) != c.want || c.b.overlaps(c.a) != c.want {
			t.Errorf("%s and %s: want %t", c.a, c.b, c.want)
		}
	}
}

func dialled() terminal.Driver {
	return terminal.Driver{Name: "dialled", Line: terminal.LineDefaults{TCPPort: 8888}}
}
