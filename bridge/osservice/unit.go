package osservice

import (
	_ "embed"
	"fmt"
	"strings"
)

// Unit is the systemd unit, as packages install it: the program in /usr/bin, the settings in /etc/tillbridge, the
// serial ports by the group dialout.
//
//go:embed systemd/tillbridge.service
var Unit string

const (
	unitProgram  = "/usr/bin/tillbridge"
	unitSettings = "/etc/tillbridge/config.yaml"
	unitState    = "/var/lib/tillbridge"
	unitGroup    = "dialout"
)

// Unusual folders of which the sandbox of the unit shows the service nothing, or others of the same name.
var unseen = []string{"/home", "/root", "/run/user", "/tmp", "/var/tmp"}

// unitFor is the unit for other places and another group of the serial ports, empty for none.
func unitFor(s Spec, group string) (string, error) {
	if err := s.checkPaths(); err != nil {
		return "", err
	}
	lines := strings.SplitAfter(Unit, "\n")
	for i, l := range lines {
		switch key, _, _ := strings.Cut(l, "="); key {
		case "ExecStart":
			lines[i] = fmt.Sprintf("ExecStart=%s %s\n", quoted(s.Program), strings.Join(quotedAll(s.arguments()), " "))
		case "SupplementaryGroups":
			lines[i] = ""
			if group != "" {
				lines[i] = "SupplementaryGroups=" + group + "\n"
			}
		case "StateDirectory":
			for _, w := range s.Writable {
				if !within(w, unitState) {
					lines[i] += "ReadWritePaths=" + quoted("-"+w) + "\n" // the program tells better than systemd that it is missing
				}
			}
		}
	}
	return strings.Join(lines, ""), nil
}

// checkPaths refuses paths that the service could not see, or that unit and scripts cannot hold.
func (s Spec) checkPaths() error {
	for _, p := range append([]string{s.Program, s.Settings}, s.Writable...) {
		if strings.ContainsAny(p, "\"'\\$%`{};") {
			return fmt.Errorf("%s cannot stand in a service file; choose a path without any of \" ' \\ $ %% ` { } ;", p)
		}
		for _, folder := range unseen {
			if within(p, folder) {
				return fmt.Errorf("the service sees nothing of %s, so that it could not use %s; put the program into /usr/local/bin, the settings into /etc/tillbridge, the journal into %s", folder, p, unitState)
			}
		}
	}
	return nil
}

// quoted is a word of a unit.
func quoted(word string) string {
	if strings.ContainsAny(word, " \t") {
		return `"` + word + `"`
	}
	return word
}

func quotedAll(words []string) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = quoted(w)
	}
	return all
}

// The scripts of systems without systemd. They write a log file of their own, since nothing there bounds one.
var (
	//go:embed initd/openrc
	openRCScript string
	//go:embed initd/sysv
	sysVScript string
)

const initLog = "/var/log/tillbridge/tillbridge.log"

// scriptFor fills in a script of init.d.
func scriptFor(script string, s Spec) (string, error) {
	if err := s.checkPaths(); err != nil {
		return "", err
	}
	for _, p := range []string{s.Program, s.Settings} {
		if strings.ContainsAny(p, " \t") {
			return "", fmt.Errorf("%s cannot stand in a script of init.d; choose a path without spaces", p)
		}
	}
	return strings.NewReplacer("@PROGRAM@", s.Program, "@ARGUMENTS@", strings.Join(append(s.arguments(), "--log", initLog), " ")).Replace(script), nil
}
