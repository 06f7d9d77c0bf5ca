package daemon

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/config"
	"tillbridge/bridge/health"
	"tillbridge/bridge/herald"
	"tillbridge/bridge/journal"
	"tillbridge/terminal"
)

const (
	heraldAlarms  = 200            // alarms that are looked at, the newest
	heraldNotices = 50             // notices that are looked at, those whose next try comes first
	heraldAhead   = 23 * time.Hour // no notice is put off for longer
)

// newHerald makes what tells the owner; nil where the settings name nobody. What is wrong with it stops no payment.
func (h *house) newHerald() *herald.Herald {
	a := h.settings.Alarms
	if a == nil {
		return nil
	}
	m := h.settings.MGR
	c := herald.Config{
		Shop: a.Shop, File: h.journal.Path() + ".told", Secrets: []string{m.Passcode.Reveal()}, Standing: h.standing, Over: h.over, Log: h.o.Log,
	}
	if m.BasicAuth != nil {
		c.Secrets = append(c.Secrets, m.BasicAuth.Password.Reveal())
	}
	if name, err := os.Hostname(); c.Shop == "" && err == nil {
		c.Shop = name
	}
	if w := a.Webhook; w != nil {
		c.Webhook = &herald.Webhook{URL: w.URL.Reveal(), Token: w.Token.Reveal()}
	}
	if e := a.Email; e != nil {
		c.Email = &herald.Email{SMTP: e.SMTP, TLS: mailTLS(e.TLS), From: e.From, To: e.To, Username: e.Username, Password: e.Password.Reveal()}
	}
	one, err := herald.New(c)
	if err != nil {
		h.o.Log.Error("nobody is told of alarms", "error", err)
		return nil
	}
	return one
}

func mailTLS(t config.MailTLS) herald.TLS {
	switch t {
	case config.ImplicitTLS:
		return herald.ImplicitTLS
	case config.NoTLS:
		return herald.NoTLS
	}
	return herald.StartTLS
}

// standing is everything that the owner is to know of.
func (h *house) standing(ctx context.Context) ([]herald.Thing, error) {
	alarms, err := h.journal.Alarms(ctx)
	if err != nil {
		return nil, err
	}
	var all []herald.Thing
	for _, a := range alarms[:min(len(alarms), heraldAlarms)] {
		text, do := parted(a)
		all = append(all, herald.Thing{
			Key: fmt.Sprintf("alarm:%d:%d", a.ID, a.At.UnixMicro()), Kind: a.Kind, Since: a.At, Terminal: a.Terminal, UUID: a.UUID, Text: text, Do: do,
		})
	}
	open, err := h.journal.Unsettled(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range open {
		if p.State.NotKnown() {
			all = append(all, held(p))
		}
	}
	undelivered, err := h.undelivered(ctx)
	return append(append(all, undelivered...), h.unreached()...), err
}

// remedies is where in an alarm's text begins what to do about it, by kind.
func remedies(kind string) []string {
	return map[string][]string{
		journal.AlarmContrary: {"Compare the terminal's own records", "MGR has the first outcome"},
		alarmNotice:           {"Compare the payment with MGR's own list"},
		alarmOther:            {"Look at the cable"},
		alarmClock:            {"Set it right."},
		alarmPasscode:         {"The passcode in MGR's payment method"},
	}[kind]
}

// parted is an alarm's text in two: what is the case, and what to do.
func parted(a journal.Alarm) (text, do string) {
	for _, remedy := range remedies(a.Kind) {
		if at := strings.Index(a.Text, remedy); at > 0 {
			text, do = strings.TrimSpace(a.Text[:at]), a.Text[at:]
			break
		}
	}
	switch {
	case do == "":
		return a.Text, "Look at the counter screen, under Now, and clear the alarm there when it is dealt with."
	case a.Kind == journal.AlarmContrary:
		do += " Then clear the alarm on the counter screen: it stays until somebody does."
	}
	return text, do
}

// held is a payment of which nobody knows whether the money moved.
func held(p bridge.Payment) herald.Thing {
	do := "Do not charge the card again."
	if p.Kind != bridge.Sale {
		do = "Do not give the money back again."
	}
	return herald.Thing{
		Key: "hold:" + p.UUID, Kind: herald.Hold, Terminal: p.Terminal, UUID: p.UUID, Amount: p.Amount,
		Text: strings.TrimSpace(fmt.Sprintf("It is not known whether the money moved in the %s of %s at terminal %s. %s", p.Kind.Noun(), p.Amount, p.Terminal, p.Reason)),
		Do:   do + " Look at the receipt, or at the terminal's own list, and say on the counter screen, under Now, what became of it.",
	}
}

// undelivered is that MGR does not have all outcomes. A notice that is merely on its way stands too, since the moment of
// its payment's outcome, so that nothing is over before MGR has all of them.
func (h *house) undelivered(ctx context.Context) ([]herald.Thing, error) {
	due, err := h.journal.Due(ctx, time.Now().Add(heraldAhead), heraldNotices)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	var oldest time.Time
	for _, n := range due {
		p, there, err := h.journal.Payment(ctx, n.UUID)
		if err != nil {
			return nil, err
		}
		if there && (oldest.IsZero() || p.Updated.Before(oldest)) {
			oldest = p.Updated
		}
	}
	n, err := h.journal.Owed(ctx)
	text := fmt.Sprintf("MGR does not have the outcome of %d payments yet, the oldest of %s.", n, oldest.Local().Format("2 January 2006, 15:04"))
	if n == 1 {
		text = fmt.Sprintf("MGR does not have the outcome of a payment yet, of %s.", oldest.Local().Format("2 January 2006, 15:04"))
	}
	return []herald.Thing{{
		Key: "undelivered", Kind: herald.Undelivered, Since: oldest, Text: text,
		Do: "See that this computer reaches the internet; tillbridge doctor tells where the way to MGR ends. The bridge goes on trying, and no outcome is lost. Until then compare with the counter screen before anybody is charged again.",
	}}, err
}

// unreached are the terminals that are not reached. One that answers as another one has an alarm.
func (h *house) unreached() (all []herald.Thing) {
	for _, t := range h.health() {
		if t.State == health.NotReached || t.State == health.Connecting {
			all = append(all, herald.Thing{
				Key: "terminal:" + t.Name, Kind: herald.TerminalGone, Terminal: t.Name, Text: strings.TrimSpace(fmt.Sprintf("Terminal %s is not reached. %s", t.Name, t.Text)),
				Do: "See that it is switched on and plugged in. The bridge takes it again by itself. If it does not, run: tillbridge doctor",
			})
		}
	}
	return all
}

// over says how something ended that the owner was told of.
func (h *house) over(ctx context.Context, e herald.Event) string {
	switch e.Kind {
	case herald.Hold:
		p, there, err := h.journal.Payment(ctx, e.UUID)
		if err != nil || !there || p.Outcome == terminal.Unknown {
			return "The payment is not on hold any more."
		}
		return fmt.Sprintf("The %s of %s at terminal %s is decided: %s.", p.Kind.Noun(), p.Amount, p.Terminal, p.Outcome)
	case herald.Undelivered:
		return "MGR has the outcome of every payment."
	case herald.TerminalGone:
		if _, there := h.settings.Terminal(e.Terminal); !there {
			return fmt.Sprintf("Terminal %s is not in the settings any more.", e.Terminal)
		}
		return fmt.Sprintf("Terminal %s is reached again.", e.Terminal)
	}
	return "The alarm was cleared on the counter screen, or its reason is over."
}
