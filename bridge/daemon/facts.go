package daemon

import (
	"os"

	"tillbridge/bridge"
	"tillbridge/bridge/health"
)

// facts is what the bridge tells of itself. It may be called from any goroutine once the listeners are open.
func (h *house) facts() health.Facts {
	f := health.Facts{
		PID: os.Getpid(), Version: h.o.Version, Started: h.o.started, Settings: h.o.ConfigFile, Journal: h.journal.Path(),
		Counter: h.counterListener.Addr().String(), TLS: h.tls != nil, SettingsError: h.trouble, Exposed: h.settings.Exposed(),
		Terminals: h.health(),
	}
	if h.doorListener != nil {
		f.Door = h.doorListener.Addr().String()
	}
	return f
}

// health is how every terminal and its line is, by name.
func (h *house) health() []health.Terminal {
	all := []health.Terminal{}
	if h.desk == nil {
		return all
	}
	for _, s := range h.desk.Terminals() {
		t := health.Terminal{Name: s.Name, Driver: s.Driver, Line: s.Line, State: stateOf(s.Health), Text: s.Text, Since: s.Since}
		h.wires[s.Name].tell(&t)
		all = append(all, t)
	}
	return all
}

func stateOf(h bridge.TerminalHealth) health.State {
	switch h {
	case bridge.Ready:
		return health.Ready
	case bridge.Working:
		return health.Paying
	case bridge.Asking:
		return health.Asking
	case bridge.OnHold:
		return health.Held
	case bridge.Gone:
		return health.NotReached
	}
	return health.Connecting
}

// traces is what passed over every terminal's line last.
func (h *house) traces() []health.Traced {
	all := []health.Traced{}
	for _, t := range h.settings.Terminals {
		if w := h.wires[t.Name]; w != nil {
			all = append(all, health.Traced{Terminal: t.Name, Events: w.trace.Events()})
		}
	}
	return all
}
