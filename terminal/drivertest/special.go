package drivertest

import (
	"fmt"
	"time"

	"tillbridge/terminal/simulate"
)

// specials are what fits in no table.
func specials() []Scenario {
	return append(breaks(), []Scenario{
		{
			Name: "record fails approved", What: "The till cannot write the result down: Till.Seen returns an error.", Needs: []string{Recorded},
			Held: broken, plan: plan{script: simulate.Approved, seenFails: true},
		},
		{
			Name: "record fails declined", What: "The till cannot write a refusal down.", Needs: []string{Recorded},
			Held: broken, plan: plan{script: simulate.Declined, seenFails: true},
		},
		{
			Name: "sale by hand before", What: "Somebody sells at the terminal itself between the reading of the mark and the payment.",
			Needs: []string{simulate.PressManualSale},
			plan:  plan{script: simulate.Approved, want: approved, before: []press{{0, handSale(handMinor)}}},
		},
		{
			Name: "sale by hand before, same sum", What: "Somebody sells for the same sum at the terminal itself just before the payment, which comes to nothing.",
			Needs: []string{simulate.PressManualSale, simulate.RebootBefore}, Held: []Hold{deaf, overwritten, unmarked},
			plan: plan{script: simulate.RebootBefore, before: []press{{0, handSale(minor)}}},
		},
		{
			Name: "mark fails", What: "The driver finds that somebody sold at the terminal itself, and the till cannot write the new mark down.",
			Needs: []string{simulate.PressManualSale}, Held: []Hold{deaf, overwritten},
			plan: plan{script: simulate.Approved, markFails: true, before: []press{{0, handSale(handMinor)}}},
		},
		{
			Name: "another terminal before", What: "For a minute before the payment another terminal is at the line.", Needs: []string{Line, Identity},
			plan: plan{script: simulate.Approved, swapped: true},
		},
		{
			Name: "another terminal meanwhile", What: "The line is lost while nobody pays, and another terminal is at its end for a minute.", Needs: []string{Line, Identity},
			plan: plan{script: simulate.Approved, row: 1, moved: true},
		},
		{
			Name: "first sale ever", What: "The terminal has sold nothing before.", plan: plan{script: simulate.Approved, fresh: true, want: approved},
		},
		{
			Name: "tenth in a row", What: "Nine payments, and then this one.", plan: plan{script: simulate.Approved, row: 9, want: approved},
		},
		{
			Name: "tenth in a row declined", What: "Nine payments, and then this one is declined.", plan: plan{script: simulate.Declined, row: 9, want: declined},
		},
	}...)
}

// breaks are payments whose line is lost, and what happens at the terminal before it is asked.
func breaks() (all []Scenario) {
	for _, at := range []place{afterCommand, atTheEnd} {
		for _, c := range []struct {
			name, what string
			needs      []string
			held       []Hold
			plan       plan
		}{
			{name: "asked at once", what: "it is asked at once", plan: plan{mend: time.Second}},
			{name: "terminal off for four minutes", what: "the terminal is off for four minutes", plan: plan{after: []press{{0, simulate.PressCutPower}}, mend: 4 * time.Minute}},
			{name: "cable out for four minutes", what: "the cable is out for four minutes", plan: plan{after: []press{{0, simulate.PressPullCable}}, mend: 4 * time.Minute}},
			{
				name: "sale by hand after", what: "somebody sells at the terminal itself before it is asked", needs: []string{simulate.PressManualSale},
				held: []Hold{overwritten}, plan: plan{after: []press{{15 * time.Second, handSale(handMinor)}}},
			},
			{
				name: "day end after", what: "somebody ends the day at the terminal before it is asked", needs: []string{simulate.PressEndOfDay},
				held: []Hold{overwritten, emptied}, plan: plan{after: []press{{15 * time.Second, simulate.PressEndOfDay}}},
			},
			{name: "another terminal after", what: "for a minute another terminal answers", needs: []string{Identity}, plan: plan{other: true}},
			{name: "first sale ever", what: "the terminal had sold nothing before", held: []Hold{unmarked}, plan: plan{fresh: true}},
			{name: "tip", what: "the customer had added a tip", needs: []string{simulate.Tip}, held: []Hold{unnamedTip}, plan: plan{script: simulate.Tip}},
			{name: "tenth in a row", what: "nine payments came before", plan: plan{row: 9}},
			{
				name: "customer still there", what: "the customer presents the card half a minute later only",
				plan: plan{script: byHand, hands: []press{{30 * time.Second, simulate.PressTap}}},
			},
			{
				name: "second command", what: "another payment is begun while the first one waits for its card, which comes twenty seconds later",
				held: []Hold{overwritten, unmarked}, plan: plan{script: byHand, second: true, hands: []press{{20 * time.Second, simulate.PressTap}}},
			},
			{
				name: "second command at once", what: "another payment is begun while the bank is asked for the first one",
				held: []Hold{overwritten, unmarked}, plan: plan{second: true},
			},
			{name: "customer walks away", what: "nobody presents a card", plan: plan{script: byHand}},
			{name: "customer still there, till stopped", what: "it is the till that was stopped, and the card comes half a minute later", plan: plan{script: byHand, by: stop, hands: []press{{30 * time.Second, simulate.PressTap}}}},
			{name: "customer still there, till dead", what: "it is the till that died, and the card comes half a minute later", plan: plan{script: byHand, by: die, hands: []press{{30 * time.Second, simulate.PressTap}}}},
			{name: "customer still there, declined", what: "the bank declines half a minute later", plan: plan{script: byHand, hands: []press{{30 * time.Second, simulate.PressDecline}}}},
			{name: "customer walks away, till stopped", what: "it is the till that was stopped, and nobody presents a card", plan: plan{script: byHand, by: stop}},
		} {
			p := c.plan
			switch {
			case p.script == byHand && at == atTheEnd:
				continue // the dialogue is over by then
			case p.script == byHand:
				p.script = ""
			case p.script == "":
				p.script = simulate.Approved
			}
			p.broken = at
			all = append(all, Scenario{
				Name: fmt.Sprintf("broken %s %s", breakWords[at], c.name), What: "The line is lost " + breakWords[at] + "; " + c.what + ".",
				Needs: append([]string{Line}, c.needs...), Held: append([]Hold{deaf}, c.held...), plan: p,
			})
		}
	}
	return all
}

// byHand stands for no script in the tables.
const byHand = "by hand"

// noises are serial lines that flip bits.
func noises() (all []Scenario) {
	for _, script := range bothEnds {
		for _, rate := range []float64{1e-5, 1e-4} {
			all = append(all, Scenario{
				Name: fmt.Sprintf("noise %g %s", rate, script), What: fmt.Sprintf("Bits are inverted at a rate of %g, until a minute after the dialogue.", rate),
				Needs: []string{Line}, Links: serialOnly, Checked: true, Held: broken, plan: plan{script: script, rate: rate},
			})
		}
	}
	return all
}
