package doctor

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// serviceName is the name of the service on every system.
const serviceName = "tillbridge"

// service is what the system says of the service.
type service struct {
	installed, running, failed bool
	automatic                  bool // it starts with the computer
	pid                        int
	restarts                   int
	word                       string // the system's own words
}

// readService asks; why is not empty where the system does not tell.
func (x *exam) readService(ctx context.Context) (s service, why string) {
	switch x.OS {
	case "linux":
		out, code, err := x.Run(ctx, "systemctl", "show", serviceName+".service",
			"--property=LoadState,ActiveState,SubState,UnitFileState,MainPID,NRestarts")
		if s, ok := parseSystemd(out); ok && err == nil && code == 0 {
			return s, ""
		}
		return s, "this system is not run by systemd, which would know"
	case "windows":
		out, code, err := x.Run(ctx, "sc.exe", "query", serviceName)
		s, ok := parseSC(out)
		if err != nil || !ok && code == 0 {
			return s, fmt.Sprintf("sc.exe does not tell (code %d, %v)", code, err)
		}
		if code == 1060 || !ok { // ERROR_SERVICE_DOES_NOT_EXIST
			return service{}, ""
		}
		config, code, err := x.Run(ctx, "sc.exe", "qc", serviceName)
		s.automatic = err == nil && code == 0 && startType.MatchString(config)
		return s, ""
	}
	return s, "this program does not know the services of " + x.OS
}

// parseSystemd reads lines of Property=value.
func parseSystemd(out string) (s service, ok bool) {
	v := map[string]string{}
	for l := range strings.Lines(out) {
		if key, value, found := strings.Cut(strings.TrimSpace(l), "="); found {
			v[key] = value
		}
	}
	if v["LoadState"] == "" {
		return s, false
	}
	s.installed = v["LoadState"] != "not-found"
	s.running = v["ActiveState"] == "active"
	s.failed = v["ActiveState"] == "failed" || v["SubState"] == "auto-restart"
	s.automatic = strings.HasPrefix(v["UnitFileState"], "enabled")
	s.pid, _ = strconv.Atoi(v["MainPID"])        // 0 is none
	s.restarts, _ = strconv.Atoi(v["NRestarts"]) // 0 is none
	s.word = v["ActiveState"] + " (" + v["SubState"] + ")"
	return s, true
}

// The lines of sc.exe that count; their names are translated, their numbers are not. A state is 1 to 7, a start type
// 0 to 4, and no other line begins with a single digit.
var (
	scState   = regexp.MustCompile(`(?m):\s*([1-7])\s+([A-Z_]+)`)
	scType    = regexp.MustCompile(`(?m):\s*[0-9a-f]{2,3}\s+WIN32`)
	startType = regexp.MustCompile(`(?m):\s*2\s+AUTO_START`)
)

// parseSC reads "sc query": TYPE : 10 WIN32_OWN_PROCESS, STATE : 4 RUNNING.
func parseSC(out string) (s service, ok bool) {
	if !scType.MatchString(out) {
		return s, false
	}
	m := scState.FindStringSubmatch(out)
	if m == nil {
		return s, false
	}
	return service{installed: true, running: m[1] == "4", word: strings.ToLower(m[2])}, true
}

// serviceCommand is how to do something with the service.
func (x *exam) serviceCommand(what string) []string {
	if x.OS == "linux" {
		return []string{"sudo systemctl " + what + " " + serviceName}
	}
	return []string{"tillbridge " + what}
}

// logCommand is how to see what the service said last.
func (x *exam) logCommand() []string {
	if x.OS == "linux" {
		return []string{"sudo journalctl -u " + serviceName + " -n 50"}
	}
	return nil
}

// checkService looks whether the bridge is installed as a service and runs.
func checkService(ctx context.Context, x *exam) []Finding {
	s, why := x.readService(ctx)
	switch {
	case why != "" && x.running:
		return []Finding{unchecked("service", "", why+". A bridge runs: "+x.bridge.String())}
	case why != "":
		return []Finding{unchecked("service", "", why)}
	case !s.installed && x.running:
		return []Finding{warning("service", "", "The bridge runs as %s, started by hand: it does not come back after a restart of this computer.", x.bridge).
			do("Stop it, and install and start the service:", x.install()...)}
	case !s.installed:
		return []Finding{fault("service", "", "The service is not installed and no bridge runs, so that no payment can be taken.").
			do("Install and start it, or run the bridge by hand with tillbridge run:", x.install()...)}
	case s.failed:
		return []Finding{fault("service", "", "The service does not come up: %s, %s.", s.word, count(s.restarts, "restart", "restarts")).
			do("Mend what else is told here, look at what it said last, and start it:", append(x.logCommand(), x.serviceCommand("restart")...)...)}
	case !s.running && !x.running:
		return []Finding{fault("service", "", "The service is installed and does not run (%s), so that no payment can be taken.", s.word).do("Start it:", x.serviceCommand("start")...)}
	case !s.automatic:
		return []Finding{warning("service", "", "The service does not start with this computer.").do("Let it:", x.enable()...)}
	case s.running && s.restarts > 3:
		return []Finding{warning("service", "", "The service runs and had to be started again %d times.", s.restarts).do("Look at what it said:", x.logCommand()...)}
	}
	return []Finding{good("service", "", "It is installed, runs and starts with this computer.")}
}

// install is how the service comes to be.
func (x *exam) install() []string {
	sudo := ""
	if x.OS != "windows" {
		sudo = "sudo "
	}
	return []string{sudo + "tillbridge install --config " + x.arg(x.File), sudo + "tillbridge start"}
}

func (x *exam) enable() []string {
	if x.OS == "windows" {
		return []string{"sc.exe config " + serviceName + " start= auto"}
	}
	return []string{"sudo systemctl enable " + serviceName}
}

// checkInstance looks for a second bridge: one has the journal and the service is another.
func checkInstance(ctx context.Context, x *exam) []Finding {
	if x.unheld != nil {
		return []Finding{unchecked("instance", "", "it cannot be told who has the journal: "+x.unheld.Error())}
	}
	s, why := x.readService(ctx)
	started := s.installed && (s.running || s.failed)
	switch {
	case !x.running:
		return []Finding{good("instance", "", "No bridge has the journal now.")}
	case why == "" && started && s.pid != x.bridge.PID && x.bridge.PID != 0 && (s.pid != 0 || s.failed):
		return []Finding{fault("instance", "", "There are two bridges: %s has the journal, and the service, which is another, cannot use it.", x.bridge).
			do("Stop the one that was started by hand, then start the service:", append(x.stop(x.bridge), x.serviceCommand("restart")...)...)}
	}
	return []Finding{good("instance", "", "One bridge has the journal: %s.", x.bridge)}
}
