package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"tillbridge/bridge/config"
)

// Windows' names of power settings (powercfg /query).
const (
	subUSB          = "2a737441-1930-4402-8d77-b2bebba308a3"
	selectiveOnOff  = "48e6b7a6-50f5-4782-a5d4-53bb8f07e226" // 1 is on
	subSleep        = "SUB_SLEEP"
	sleepAfter      = "STANDBYIDLE" // seconds, 0 is never
	hibernateAfter  = "HIBERNATEIDLE"
	schemeInUse     = "SCHEME_CURRENT"
	powercfg        = "powercfg"
	sysUSB          = "/sys/bus/usb/devices/"
	autosuspendAuto = "auto"
)

// parsePower reads the answer of "powercfg /query SCHEME SUB SETTING": its last two numbers in hex are the value on
// mains and on battery, in every language.
func parsePower(out string) (mains, battery uint64, ok bool) {
	var values []uint64
	for l := range strings.Lines(out) {
		i := strings.LastIndex(l, "0x")
		if i < 0 {
			continue
		}
		if v, err := strconv.ParseUint(strings.TrimSpace(l[i+2:]), 16, 64); err == nil {
			values = append(values, v)
		}
	}
	if len(values) < 2 {
		return 0, 0, false
	}
	return values[len(values)-2], values[len(values)-1], true
}

// power asks Windows for one setting.
func (x *exam) power(ctx context.Context, sub, setting string) (mains uint64, why string) {
	out, code, err := x.Run(ctx, powercfg, "/query", schemeInUse, sub, setting)
	if err != nil || code != 0 {
		return 0, fmt.Sprintf("powercfg does not tell (code %d, %v)", code, err)
	}
	mains, _, ok := parsePower(out)
	if !ok {
		return 0, "powercfg's answer has no values: this computer does not have the setting"
	}
	return mains, ""
}

// checkUSBPower looks whether the system may switch the terminal's USB socket off.
func checkUSBPower(ctx context.Context, x *exam) []Finding {
	var onUSB []config.Terminal
	for _, t := range x.Settings.Terminals {
		if t.Port.USB != "" || x.socket(t) != "" {
			onUSB = append(onUSB, t)
		}
	}
	switch {
	case x.Wrong != nil:
		return []Finding{unchecked("usb-power", "", "the settings must be right first")}
	case x.OS == "windows":
		return x.windowsUSB(ctx)
	case x.OS != "linux":
		return []Finding{unchecked("usb-power", "", "this program does not know where "+x.OS+" keeps that")}
	case len(onUSB) == 0:
		return []Finding{good("usb-power", "", "No terminal that is there now is on USB.")}
	}
	var all []Finding
	for _, t := range onUSB {
		all = append(all, x.linuxUSB(t))
	}
	return all
}

func (x *exam) windowsUSB(ctx context.Context) []Finding {
	on, why := x.power(ctx, subUSB, selectiveOnOff)
	switch {
	case why != "":
		return []Finding{unchecked("usb-power", "", why)}
	case on != 0:
		return []Finding{warning("usb-power", "", "Windows may switch USB sockets off to save power (selective suspend), with a terminal in them.").
			do("Switch it off, as administrator:", "powercfg /setacvalueindex "+schemeInUse+" "+subUSB+" "+selectiveOnOff+" 0", "powercfg /setactive "+schemeInUse)}
	}
	return []Finding{good("usb-power", "", "Windows does not switch USB sockets off.")}
}

// socket is where a terminal's USB device is plugged in now; empty for none.
func (x *exam) socket(t config.Terminal) string {
	if t.Port.TCP != "" || t.Port == (config.Port{}) || x.portsErr != nil {
		return ""
	}
	p, err := x.Line(t.Port).Find(x.ports)
	if err != nil {
		return ""
	}
	socket, _, _ := strings.Cut(p.USBPath, ":")
	return socket
}

func (x *exam) linuxUSB(t config.Terminal) Finding {
	socket := x.socket(t)
	if socket == "" {
		return unchecked("usb-power", t.Name, "the terminal is not plugged in")
	}
	file := sysUSB + socket + "/power/control"
	b, err := x.ReadFile(file, 100)
	switch {
	case err != nil:
		return unchecked("usb-power", t.Name, "the system does not tell: "+err.Error())
	case strings.TrimSpace(string(b)) == autosuspendAuto:
		return warning("usb-power", t.Name, "Linux may switch off the USB socket of the terminal when nothing passes for a while (autosuspend).").
			do("Switch it off until the next start, and keep it off by a udev rule or the kernel's usbcore.autosuspend=-1:", "echo on | sudo tee "+file)
	}
	return good("usb-power", t.Name, "Linux leaves the terminal's USB socket on.")
}

// checkSleep looks whether this computer goes to sleep by itself.
func checkSleep(ctx context.Context, x *exam) []Finding {
	switch x.OS {
	case "windows":
		return []Finding{x.windowsSleep(ctx)}
	case "linux":
		return []Finding{x.linuxSleep(ctx)}
	}
	return []Finding{unchecked("sleep", "", "this program does not know where "+x.OS+" keeps that")}
}

func (x *exam) windowsSleep(ctx context.Context) Finding {
	seconds, why := x.power(ctx, subSleep, sleepAfter)
	what := "standby-timeout-ac"
	if why == "" && seconds == 0 {
		var none string
		// A computer without hibernation has no such setting.
		if seconds, none = x.power(ctx, subSleep, hibernateAfter); none != "" {
			seconds = 0
		}
		what = "hibernate-timeout-ac"
	}
	switch {
	case why != "":
		return unchecked("sleep", "", why)
	case seconds > 0:
		return warning("sleep", "", "Windows puts this computer to sleep after %s without a key, and MGR reaches no bridge then.", count(int(max(seconds/60, 1)), "minute", "minutes")).
			do("Let it never sleep on mains; the screen may go dark:", "powercfg /change "+what+" 0")
	}
	return good("sleep", "", "Windows does not put this computer to sleep on mains.")
}

func (x *exam) linuxSleep(ctx context.Context) Finding {
	out, _, err := x.Run(ctx, "systemctl", "is-enabled", "suspend.target")
	state := strings.TrimSpace(out)
	if err != nil || strings.Contains(state, "booted") || strings.Contains(state, "connect") || state == "" {
		return unchecked("sleep", "", "this system is not run by systemd, which would know")
	}
	if strings.HasPrefix(state, "masked") {
		return good("sleep", "", "This computer cannot be put to sleep.")
	}
	out, _, err = x.Run(ctx, "systemctl", "get-default")
	if err == nil && strings.TrimSpace(out) == "multi-user.target" {
		return good("sleep", "", "There is no desktop that would put this computer to sleep.")
	}
	return warning("sleep", "", "A desktop may put this computer to sleep when nobody uses it, and MGR reaches no bridge then.").
		do("Let it never sleep; the screen may go dark:", "sudo systemctl mask sleep.target suspend.target hibernate.target hybrid-sleep.target")
}
