package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"tillbridge/bridge/config"
	"tillbridge/terminal"
	"tillbridge/terminal/line"
)

// checkPorts looks at each terminal's port without opening it.
func checkPorts(_ context.Context, x *exam) []Finding {
	if x.Wrong != nil {
		return []Finding{unchecked("port", "", "the settings must be right first")}
	}
	var all []Finding
	for _, t := range x.Settings.Terminals {
		found := x.port(t)
		x.portFault[t.Name] = Worst(found) == Fault
		all = append(all, found...)
	}
	return all
}

func (x *exam) port(t config.Terminal) []Finding {
	switch {
	case t.Port == (config.Port{}):
		return []Finding{good("port", t.Name, "The driver %s needs no port.", t.Driver)}
	case t.Port.TCP != "" && t.Port.Listen:
		return []Finding{good("port", t.Name, "The terminal dials this computer at %s; whether it does is told below.", t.Port.TCP)}
	case t.Port.TCP != "":
		return []Finding{good("port", t.Name, "The terminal is in the network at %s; whether it answers there is told below.", t.Port.TCP)}
	case x.portsErr != nil:
		return []Finding{unchecked("port", t.Name, "the system's list of ports cannot be read: "+x.portsErr.Error())}
	}
	c := x.Line(t.Port)
	p, err := c.Find(x.ports)
	if err != nil && c.Serial != "" {
		if other, lookErr := x.Look(c.Serial); lookErr == nil {
			p, err = other, nil
		}
	}
	switch {
	case errors.Is(err, line.ErrAmbiguous):
		return []Finding{fault("port", t.Name, "%s", sentence(err.Error())).do("Say in the settings which one is meant, by its serial_number or usb_path, as the list shows them:", "tillbridge ports")}
	case err != nil:
		return []Finding{fault("port", t.Name, "%s", sentence(err.Error())).
			do("Plug the terminal in and switch it on. If it is, another cable or socket; and see under which name it is there now, which belongs into the settings:", "tillbridge ports")}
	}
	return x.portInfo(t, c, p)
}

// portInfo judges a port that is there.
func (x *exam) portInfo(t config.Terminal, c line.Config, p line.PortInfo) []Finding {
	var all []Finding
	mine := x.running && p.HolderPID != 0 && p.HolderPID == x.bridge.PID
	switch {
	case p.Use == line.Held && !mine && p.HolderPID == os.Getpid():
		all = append(all, unchecked("port", t.Name, p.Name+" is in use by this program itself"))
	case p.Use == line.Held && !mine && (p.HolderPID != 0 || !x.running):
		by := Process{p.HolderPID, p.Holder}
		remedy := "Stop that program, and keep it from starting again; a port has one user."
		if strings.HasPrefix(p.Holder, "tillbridge") {
			remedy = "That is another bridge: stop it, or give the two bridges ports of their own."
		}
		f := fault("port", t.Name, "%s is in use by %s, so that the bridge cannot use it.", p.Name, by)
		all = append(all, f.do(remedy, x.stop(by)...))
	case p.Access == line.Denied:
		remedies := p.Remedies
		if len(remedies) == 0 {
			remedies = []string{"Let this user, or the service's, use serial ports: sudo usermod -aG dialout " + "USER, then log out and in"}
		}
		text, command := splitRemedy(remedies[0])
		return []Finding{fault("port", t.Name, "%s is there and this user may not open it.", p.Name).do(text, command...)}
	case p.Use == line.Held:
		all = append(all, good("port", t.Name, "%s (%s) is in use by the bridge, as it should be.", p.Name, p.Title()))
	case p.Use == line.Free:
		all = append(all, good("port", t.Name, "%s (%s) is there and free, for %s.", p.Name, p.Title(), c))
	default: // Windows does not tell who has a port open
		all = append(all, good("port", t.Name, "%s (%s) is there, for %s.", p.Name, p.Title(), c))
	}
	for _, r := range p.Remedies {
		text, command := splitRemedy(r)
		all = append(all, warning("port", t.Name, "Something may disturb %s.", p.Name).do(text, command...))
	}
	return all
}

// splitRemedy takes the command off the end of a remedy of the line package: "why: sudo do, then …".
func splitRemedy(r string) (text string, commands []string) {
	before, command, ok := strings.Cut(r, ": sudo ")
	if !ok {
		return sentence(r), nil
	}
	command, then, more := strings.Cut(command, ", then ")
	command, rest, some := strings.Cut(command, "; ")
	text = sentence(before)
	if more {
		text += " Then " + then + "."
	}
	if some {
		text += " " + sentence(rest)
	}
	return text, []string{"sudo " + command}
}

// stop is the command that ends a process.
func (x *exam) stop(p Process) []string {
	switch {
	case p.PID == 0:
		return nil
	case x.OS == "windows":
		return []string{fmt.Sprintf("taskkill /PID %d", p.PID)}
	}
	return []string{fmt.Sprintf("sudo kill %d", p.PID)}
}

// Probed is what a look at a terminal brought.
type Probed struct {
	Health terminal.Health
	Line   LineCount
	// Supported is false where the driver has no question that moves no money.
	Supported bool
}

// probeWithin bounds the question to one terminal.
const probeWithin = 40 * time.Second

// checkTerminals asks each terminal how it is, by the driver's own question, which moves no money. One that a running
// bridge holds is left alone, and that bridge tells how it is; so is one that has an undecided payment.
func checkTerminals(ctx context.Context, x *exam) []Finding {
	if x.Wrong != nil {
		return []Finding{unchecked("terminal", "", "the settings must be right first"), unchecked("line", "", "the settings must be right first")}
	}
	var all []Finding
	for _, t := range x.Settings.Terminals {
		if told, ok := x.facts[t.Name]; ok && x.running {
			all = append(all, x.told(told), kept(told))
			continue
		}
		why := x.leaveAlone(t)
		if why == "" && ctx.Err() != nil {
			why = "the terminals before it took all the time for this check"
		}
		if why != "" {
			all = append(all, unchecked("terminal", t.Name, why), unchecked("line", t.Name, "no question was put to the terminal"))
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, probeWithin)
		p, err := x.Probe(bounded, t)
		cancel()
		all = append(all, x.health(t, p, err)...)
	}
	return all
}

// leaveAlone says why a terminal is not asked; empty where it may be.
func (x *exam) leaveAlone(t config.Terminal) string {
	switch {
	case x.running:
		why := "it has no terminal of this name; the settings are newer than its start"
		if x.factsErr != nil {
			why = x.factsErr.Error()
		}
		return fmt.Sprintf("the bridge runs (%s) and holds the terminal, which was therefore not asked, and the bridge does not tell how it is (%s); the counter screen shows it", x.bridge, why)
	case x.unheld != nil:
		return "it cannot be told whether a bridge runs (" + x.unheld.Error() + "), so that the terminal was not asked"
	case x.openErr != nil:
		return "the journal does not tell whether a payment is undecided, so that the terminal was not asked"
	case x.open[t.Name]:
		return "a payment on it is not decided, and its evidence is in the terminal; start the bridge, which asks for that payment first"
	case x.portFault[t.Name]:
		return "the port must be right first"
	}
	return ""
}

func (x *exam) health(t config.Terminal, p Probed, err error) []Finding {
	if errors.Is(err, terminal.ErrBusy) {
		return []Finding{
			warning("terminal", t.Name, "The terminal answers and is busy.").do("Wait until it shows its idle screen, then run doctor again."),
			x.quality(t, p.Line),
		}
	}
	if err != nil {
		return []Finding{x.silent(t, err), x.quality(t, p.Line)}
	}
	if !p.Supported {
		return []Finding{
			unchecked("terminal", t.Name, "the driver "+t.Driver+" has no question that moves no money"),
			unchecked("line", t.Name, "no question was put to the terminal"),
		}
	}
	h := p.Health
	name := "The terminal"
	if h.TerminalID != "" {
		name = "Terminal " + h.TerminalID
	}
	state := strings.TrimSpace(h.Text)
	if state == "" {
		state = "It states no reason."
	}
	if h.Code != "" {
		state = sentence(state)[:len(sentence(state))-1] + " (status " + h.Code + ")."
	}
	f := good("terminal", t.Name, "%s answers and is ready.", name)
	switch {
	case h.Busy:
		f = warning("terminal", t.Name, "%s answers and is busy: %s", name, sentence(state)).do("Wait until it shows its idle screen, then run doctor again.")
	case !h.Ready && h.Code == "":
		f = unchecked("terminal", t.Name, name+" answers and does not say whether it is ready")
	case !h.Ready:
		f = fault("terminal", t.Name, "%s answers and takes no payments now: %s", name, sentence(state)).
			do("Do at the terminal what it asks for: an end of day from its own menu, paper, or a start anew. If it goes on, call the provider of the terminal with that status.")
	}
	return []Finding{f, x.quality(t, p.Line)}
}

// silent is a terminal that could not be asked.
func (x *exam) silent(t config.Terminal, err error) Finding {
	var busy *line.BusyError
	why := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		why = fmt.Sprintf("it did not answer within %s", probeWithin)
	}
	f := fault("terminal", t.Name, "The terminal could not be asked at %s: %s", x.Line(t.Port), sentence(why))
	if t.Port == (config.Port{}) {
		f = fault("terminal", t.Name, "The terminal could not be asked: %s", sentence(why))
	}
	switch {
	case errors.As(err, &busy):
		return f.do("Stop the program that uses the port.", x.stop(Process{PID: busy.PID})...)
	case t.Port.TCP != "":
		return f.do("See that the terminal is switched on and in the same network, that its address is still the one in the settings, and that it accepts a till (ECR) on that port. Stop other programs that talk to it: most take one till only.")
	}
	return f.do(fmt.Sprintf("See that the terminal is switched on, shows its idle screen and has the connection to the till (ECR) switched on, over this cable, with the protocol %s and %d baud. Try another cable.", t.Driver, t.Port.Baud))
}

func (x *exam) quality(t config.Terminal, n LineCount) Finding {
	switch {
	case n.Sent == 0:
		return unchecked("line", t.Name, "nothing was sent")
	case n.Received == 0:
		return unchecked("line", t.Name, "nothing came back, so that there is nothing to count")
	case n.Repeated+n.Refused+n.RefusedByUs > 0:
		return warning("line", t.Name, "In this short dialogue of %s the line was not clean: %s sent again, %s refused by the terminal, %s refused by us.",
			count(n.Sent, "message", "messages"), count(n.Repeated, "message was", "messages were"), count(n.Refused, "message", "messages"), count(n.RefusedByUs, "message", "messages")).
			do("Payments stay right, and get slow. Take another, shorter, shielded cable, keep it away from mains cables, leave USB hubs out, and compare speed and parity with the terminal's own menu.")
	}
	return good("line", t.Name, "Clean in this short dialogue: %s sent, none again, none refused.", count(n.Sent, "message", "messages"))
}
