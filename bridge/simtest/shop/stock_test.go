package shop

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"tillbridge/bridge/config"
	"tillbridge/drivers"
	ecr17 "tillbridge/drivers/ecr17/sim"
	pax "tillbridge/drivers/pax/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// shelf is a kind of terminal as it stands in the settings, beside what its simulator is told and its paper says.
type shelf struct {
	name, driver string
	currency     string // the driver's usual one if empty
	options      string
	simulator    any
	links        []terminal.LinkKind // all that the driver has if empty
	tells        evidence
	spared       []string
}

// shelves are the terminals of every driver that uses a line: those that its battery plays, and some that differ from the
// usual ones. Not here are manual and process, see doc.go.
func shelves() []shelf {
	serial := []terminal.LinkKind{terminal.Serial}
	zvt := evidence{memory: remembersLast, votes: true, counts: true, plain: true}
	last := evidence{memory: remembersLast}
	batch := evidence{memory: remembersBatch}
	// Where refusals came between, the simulators say the result of an older sale once more. telium takes it for this payment's
	// where both were asked for under the same one of its 98 numbers and with the same sum (docs/decisions/0011).
	older := []string{simulate.LateFrame, simulate.LateThenDeclined}
	return []shelf{
		{name: "caisseap", driver: "caisseap"},
		{name: "ecr17", driver: "ecr17", options: "standalone: false", tells: last},
		{
			name: "ecr17-2", driver: "ecr17", options: "standalone: false, receipts: register, print_reference: true", tells: last,
			simulator: ecr17.Options{TicketsFirst: true, DropTCP: true, NakBusy: true, LRC: "text", CheckID: true},
		},
		{name: "pax", driver: "pax", tells: batch},
		{name: "pax-2", driver: "pax", tells: batch, simulator: pax.Options{Packet: 60, HostFirst: true, EmptyIsZero: true}},
		{name: "telium-fr", driver: "telium", options: "dialect: fr", links: serial, simulator: map[string]string{"dialect": "fr"}, spared: older},
		{
			name: "telium-uk", driver: "telium", options: "dialect: uk", currency: "GBP", tells: last, spared: older,
			simulator: map[string]string{"dialect": "uk"},
		},
		{
			name: "transbank", driver: "transbank", options: "model: integrado", tells: evidence{memory: remembersDay},
			simulator: map[string]string{"model": "integrado"},
		},
		{name: "transbank-2", driver: "transbank", options: "model: autoservicio", tells: last, simulator: map[string]string{"model": "autoservicio"}},
		{name: "zvt", driver: "zvt", tells: zvt},
		{name: "zvt-2", driver: "zvt", options: "receipts: register", tells: zvt},
	}
}

// stock makes the terminals of shelves, with their settings read as those of a shop are.
var stock = sync.OnceValues(func() ([]model, error) {
	all := drivers.All()
	var text strings.Builder
	text.WriteString("mgr: {passcode: \"" + passcode + "\"}\nterminals:\n")
	for i, x := range shelves() {
		n := slices.IndexFunc(all, func(d terminal.Driver) bool { return d.Name == x.driver })
		if n < 0 {
			return nil, fmt.Errorf("there is no driver %q", x.driver)
		}
		fmt.Fprintf(&text, "  %s: {driver: %s, port: {serial: /dev/ttyS%d}, currency: %s, options: {%s}}\n",
			x.name, x.driver, i, cmp.Or(x.currency, all[n].Currency, "EUR"), x.options)
	}
	settings, err := config.Parse("settings", []byte(text.String()), all, config.SystemEnv())
	if err != nil {
		return nil, err
	}
	var models []model
	for _, x := range shelves() {
		t := settings.Terminals[slices.IndexFunc(settings.Terminals, func(t config.Terminal) bool { return t.Name == x.name })]
		d := all[slices.IndexFunc(all, func(d terminal.Driver) bool { return d.Name == x.driver })]
		m := model{name: x.name, driver: d, options: t.Options, simulator: x.simulator, links: x.links, currency: t.Currency, tells: x.tells, spared: x.spared}
		if m.links == nil && d.Line.Baud > 0 {
			m.links = append(m.links, terminal.Serial)
		}
		if x.links == nil && d.Line.TCPPort > 0 {
			m.links = append(m.links, terminal.TCP)
		}
		models = append(models, m)
	}
	return models, nil
})

// models are the stock.
func models(t *testing.T) []model {
	t.Helper()
	all, err := stock()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestStock wants every driver that uses a line among the terminals of the shops.
func TestStock(t *testing.T) {
	all := models(t)
	for _, d := range drivers.All() {
		has := slices.ContainsFunc(all, func(m model) bool { return m.driver.Name == d.Name })
		if has == d.Line.None() {
			t.Errorf("driver %s: in the stock %t, uses no line %t", d.Name, has, d.Line.None())
		}
	}
}
