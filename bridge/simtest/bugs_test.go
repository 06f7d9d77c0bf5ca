package simtest

const (
	inPay    = "bridge/till/pay.go"
	inDesk   = "bridge/till/desk.go"
	inAccept = "bridge/till/accept.go"
	inWorker = "bridge/till/worker.go"
	inDoubt  = "bridge/till/doubt.go"
	inLent   = "bridge/till/lent.go"
	inStep   = "bridge/step.go"
	inAdmit  = "bridge/admit.go"
	inView   = "bridge/payment.go"
	inJudge  = "bridge/notify/judge.go"
	inSend   = "bridge/notify/deliver.go"
	inKind   = "bridge/kind.go"
	inDriver = "bridge/simtest/driver.go"
)

// bugs are the planted design bugs: mistakes that bridges of this kind have made, or that ours nearly had.
func bugs() []bug {
	return append(append(doorBugs(), dialogueBugs()...), append(append(evidenceBugs(), noticeBugs()...), append(returnBugs(), dayBugs()...)...)...)
}

// doorBugs are mistakes in taking orders.
func doorBugs() []bug {
	return []bug{
		{"202 before the order is durable", "I8", []change{{inWorker, "return w.written(ctx, o, err)", "return nil"}}},
		{"reuse of a reference", "I9", []change{{inDesk, "d.lastRef = max(d.lastRef+1, time.Now().UnixMicro())", "_, d.lastRef = time.Now(), 36"}}},
		{"dedupe by amount", "I8|I4", []change{
			{inDesk, "	lastRef  int64\n", "	lastRef  int64\n	last bridge.Order\n"},
			{inAccept, "	cause := w.accept(ctx, o)\n", "	if d.last.Amount == o.Amount && d.last.UUID != o.UUID {\n		return bridge.Repeat, nil\n	}\n	d.last = o\n	cause := w.accept(ctx, o)\n"},
		}},
		{"two payments at once at one terminal", "I9", []change{{inWorker, "	case w.hand != nil:\n		return bridge.Refuse(bridge.Busy", "	case w.hand != nil && w.hand.State == bridge.None:\n		return bridge.Refuse(bridge.Busy"}}},
		{"a repeat sells again", "I9|I5|I1", []change{
			{inStep, "	Declined: {Report:", "	Declined: {Arm: {[]State{Armed}, arm}, Report:"},
			{inAccept, "	switch {\n	case refusal != nil:\n		return refusal\n", `	if w := d.workers[known.Terminal]; refusal == nil && known.State == bridge.Declined {
		w.mu.Lock()
		if w.hand == nil {
			known.State, known.Received = bridge.Received, time.Now()
			w.take(known)
		}
		w.mu.Unlock()
		return nil
	}
	switch {
	case refusal != nil:
		return refusal
`},
		}},
		{"a repeat is not told again", "I4", []change{{inAccept, "	case !known.Final() || known.Kind != bridge.Sale:\n		return nil\n	}\n	// MGR", "	default:\n		return nil\n	}\n	// MGR"}}},
		{"start after MGR was refused", "I4", []change{{
			inDoubt, "w.hand != nil && w.hand.UUID == p.UUID {\n			continue\n		}\n", "w.hand != nil && w.hand.UUID == p.UUID {\n			continue\n		}\n		if w.hand == nil {\n			w.take(p)\n			continue\n		}\n",
		}}},
		{"other content under a known uuid is taken", "I4", []change{{inAdmit, "	if known.Digest() == o.Digest() {", "	if known.Digest() == o.Digest() || known.UUID == o.UUID {"}}},
		{"amounts as floats", "I6", []change{{inView, "Amount: p.Amount, Armed", "Amount: terminal.Amount{Minor: int64(float32(p.Amount.Minor) / 100 * 100), Currency: p.Amount.Currency}, Armed"}}},
		{"held frees its terminal", "I9", []change{{inPay, "	if p.State == bridge.Held && !p.Frozen() {", "	if p.State == bridge.Held {"}}},
		{"forget holds at restart", "I9", []change{{inDesk, "	case p.Final():\n		return nil\n	case orphan", "	case p.Final() || p.State == bridge.Held:\n		return nil\n	case orphan"}}},
	}
}

// dialogueBugs are mistakes in the payment's own conversation.
func dialogueBugs() []bug {
	const lose = "e = bridge.Event{Kind: bridge.Lose, Reason: sentence(err)}"
	const declined = "bridge.Event{Kind: bridge.Conclude, Result: &terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused}}"
	return []bug{
		{"acknowledge before persisting", "I8", []change{{inLent, "return l.record(bridge.Event{Kind: bridge.See, Result: &r})", "return nil"}}},
		{"acknowledge what could not be persisted", "I8", []change{{inLent, "return l.record(bridge.Event{Kind: bridge.See, Result: &r})", "_ = l.record(bridge.Event{Kind: bridge.See, Result: &r})\n	return nil"}}},
		{"send before armed is durable", "I8", []change{{inPay, "	if err != nil {\n		w.log.Error(\"arm payment\"", "	if err != nil {\n		p.State = bridge.Armed\n		w.pay(ctx, p)\n		w.log.Error(\"arm payment\""}}},
		{"a time-out means denied", "I2|I14", []change{{inPay, lose, "e = " + declined}}},
		{"resend on a time-out", "I9", []change{{inPay, "	r = clean(r)\n	p = lent.close()\n", "	if err != nil && !errors.Is(err, terminal.ErrNotSent) && ctx.Err() == nil && w.open(ctx) == nil {\n		r, err = command(ctx)\n	}\n	r = clean(r)\n	p = lent.close()\n"}}},
		{"not sent although sent", "I2", []change{{inPay, "	case errors.Is(err, terminal.ErrNotSent):", "	case err != nil && p.State == bridge.Armed:"}}},
		{"a panic means declined", "I2", []change{{inWorker, `fmt.Errorf("the driver broke down: %s", what)`, `fmt.Errorf("%w: %s", terminal.ErrNotSent, what)`}}},
		{"a cancellation means denied", "I2|I14|I5", []change{{inWorker, "	c.Cancel()\n", "	c.Cancel()\n	p := *w.hand\n	go w.desk.apply(context.Background(), p, " + declined + ")\n"}}},
		{"wake starts an armed payment anew", "I9", []change{
			{inAdmit, "	case p.State.InFlight():\n		return Event{Kind: Lose", "	case p.State.InFlight() && p.State != Armed:\n		return Event{Kind: Lose"},
			{inWorker, "	case p.State == bridge.Received:\n		return w.start(ctx, p)\n", "	case p.State == bridge.Received:\n		return w.start(ctx, p)\n	case p.State == bridge.Armed:\n		if w.ready(ctx) != nil {\n			return time.Second\n		}\n		w.pay(ctx, p)\n		return 0\n"},
		}},
		{"expired although armed", "I2", []change{
			{inStep, "	Armed: {\n", "	Armed: {\n		Expire: {[]State{Expired}, close1(Expired)},\n"},
			{inAdmit, "	case p.State == Received && (now", "	case (p.State == Received || p.State == Armed) && (p.State == Armed || now"},
		}},
		{"accept without the amount check", "I6", []change{{inStep, "	if more == 0 || more > 0 && r.ExtraMinor == more {", "	if more == more {"}}},
		{"accept another currency", "I6", []change{{inStep, "	if r.CurrencyNumeric != 0 && r", "	if false && r"}}},
		{"trust a stale frame", "I2|I3|I8|I6", []change{{inDriver, "		case m.ref != r.Reference:", "		case m.verb != saysResult && m.verb != saysDone && m.verb != saysEnd:"}}},
		{"a card number is kept", "I10", []change{{inPay, "	r = clean(r)\n	p = lent.close()\n", "	p = lent.close()\n"}}},
		{"a step that cannot be recorded is dropped", "I16|I4|I9", []change{{inPay, "		if w.pause(ctx, backoff(n, 5*time.Second)) != nil {\n			return p\n		}\n	}\n}\n\n// tooLate", "		if n >= 0 {\n			return p\n		}\n	}\n}\n\n// tooLate"}}},
	}
}

// evidenceBugs are mistakes in asking afterwards.
func evidenceBugs() []bug {
	const voided = "bridge.Event{Kind: bridge.Find, Result: &terminal.Result{Outcome: terminal.Declined, Proof: terminal.Voided}}"
	return []bug{
		{"last transaction without the mark", "I3", []change{
			{inStep, "	byMark := p.Evidence.Has(terminal.C2) && p.Mark.Known()", "	byMark := p.Evidence.Has(terminal.C2)"},
			{inDriver, "	case err != nil || m.seq != before+1:", "	case err == nil && m.seq != before+1:"},
			{inDriver, "	case m.booked.Before(s.w.armedByTheWall(a.Reference)):", "	case false:"},
		}},
		{"the mark is not read anew with the line", "I16|I3", []change{{inWorker, "	w.lease, w.mark = l, \"\"\n", "	w.lease = l\n"}, {inAdmit, "	case Lose, Hold, Resolve:\n", "	case Hold, Resolve:\n"}}},
		{"the mark of before a step that the disk kept", "I16|I3", []change{{inPay, "	w.mark = \"\"\n	for n := 0", "	for n := 0"}}},
		{"a crash inside recovery ends in a hold", "I16", []change{{inAdmit, "	return Event{}, false\n}\n\n// Resume", "	if p.State == Recovering {\n		return Event{Kind: Hold, At: now, Reason: \"It stopped twice.\"}, true\n	}\n	return Event{}, false\n}\n\n// Resume"}}},
		{"recover twice differently", "I2|I14|I3", []change{{inPay, "	w.failed = 0\n	if asked {", "	if w.failed > 0 {\n		r = terminal.Result{Outcome: terminal.Declined, Proof: terminal.Voided}\n	}\n	w.failed = 0\n	if asked {"}, {inWorker, "	w.failed = 0\n	return nil\n}\n\n// identify", "	return nil\n}\n\n// identify"}}},
		{"the queue limit counts after armed", "I2|I14", []change{{inPay, "	w.mu.Lock()\n	asked := w.again\n", "	if time.Since(p.Received) > w.desk.limit {\n		w.must(ctx, p, " + voided + ")\n		return 0\n	}\n	w.mu.Lock()\n	asked := w.again\n"}}},
		{"busy means declined", "I2", []change{{inPay, "	case errors.Is(err, terminal.ErrBusy):\n", "	case errors.Is(err, terminal.ErrBusy):\n		w.must(ctx, p, " + voided + ")\n		return 0\n	case errors.Is(err, errStuck):\n"}}},
		{"hold on every doubt", "I16", []change{{inStep, "	p.State, p.Reason = Uncertain, e.Reason\n	return []Effect{Recover}, nil", "	p.State, p.Reason = Held, e.Reason\n	return nil, nil"}}},
		{"give up asking after a few attempts", "I16", []change{{inPay, "	if err := w.open(ctx); err != nil {\n		return backoff(w.failed, 15*time.Second)", "	if err := w.open(ctx); err != nil {\n		if w.failed > 3 {\n			w.must(ctx, p, bridge.Event{Kind: bridge.Hold, Reason: \"It does not answer.\"})\n			return 0\n		}\n		return backoff(w.failed, 15*time.Second)"}}},
		{"not found is believed of any terminal", "I2|I3|I14", []change{
			{inStep, "		case terminal.Query, terminal.NotFound:\n			return byReference", "		case terminal.Query, terminal.NotFound:\n			return true"},
			{inDriver, "r = terminal.Result{Text: \"This terminal cannot be asked.\"}", "r = terminal.Result{Outcome: terminal.Declined, Proof: terminal.NotFound}"},
		}},
		{"late evidence overwrites a person's word", "I5", []change{{inStep, "it changes nothing\")\n	}\n	return []Effect{Alarm}, nil\n", "it changes nothing\")\n	}\n	return settle(p, *e.Result)\n"}}},
		{"late evidence is ignored", "I5", []change{{inPay, "	if r == nil || !bridge.Contradicts(now, *r) {", "	if r == nil || bridge.Contradicts(now, *r) || true {"}}},
		{"a person's word that the disk kept leaves the terminal bound", "I16", []change{{inDesk, "		return d.unsettled(ctx, p, who, err)\n", "		return err\n"}}},
	}
}

// noticeBugs are mistakes in telling MGR.
func noticeBugs() []bug {
	return []bug{
		{"drop the notice on 4xx", "I4", []change{{inJudge, "return Verdict{Refused: true, Next:", "return Verdict{Delivered: true, Refused: true, Next:"}}},
		{"stop telling after a few tries", "I4", []change{{inJudge, "	case a.Err == nil && a.Status >= 200 && a.Status <= 299:", "	case a.Err == nil && a.Status >= 200 && a.Status <= 299 || attempts >= 2:"}}},
		{"reported before MGR has answered", "I8|I4", []change{{inSend, "		d.answer, d.text = n.send(ctx, j.Notice)\n", "		_ = n.outbox.Reported(ctx, j.UUID)\n		d.answer, d.text = n.send(ctx, j.Notice)\n"}}},
		{"tell MGR before final is durable", "I8|I3", []change{
			{inStep, "	p.State, p.Seen = Seen, e.Result\n	return nil, nil", "	p.State, p.Seen = Seen, e.Result\n	if p.Seen.Outcome == terminal.Approved {\n		return []Effect{Notify}, nil\n	}\n	return nil, nil"},
			{inView, "	if !p.Final() || p.Kind != Sale {\n		return Notice{}, false\n	}\n", "	if p.State == Seen && p.Seen.Outcome == terminal.Approved {\n		return Notice{UUID: p.UUID, Approved: true, AuthCode: p.Seen.AuthCode, TxnRef: p.Seen.TxnRef}, true\n	}\n	if !p.Final() {\n		return Notice{}, false\n	}\n"},
		}},
		{"a person's code is not told", "I3", []change{{inView, "	case p.Person != nil:\n		return p.Person.AuthCode, p.Person.TxnRef\n", ""}}},
		{"denied where nothing is known", "I2|I8|I4|I14", []change{{inStep, "	p.State, p.Result, p.Reason = Held, &r, why\n	return nil, nil", "	p.State, p.Result, p.Reason, p.Outcome = Declined, &r, why, terminal.Declined\n	return []Effect{Notify}, nil"}}},
		{"a delivery that was not recorded takes out the next notice", "I4", []change{{inDesk, "	d.take(uuid)\n	p, err", "	p, err"}}},
	}
}

// dayBugs are mistakes at the end of the day.
func dayBugs() []bug {
	return []bug{
		{"the day is closed over a hold that is in nobody's hand", "I9", []change{
			{"bridge/till/dayend.go", "		if p.Terminal == w.Name && p.State != bridge.Received {\n", "		if p.Terminal == w.Name && p.State != bridge.Received && p.Frozen() {\n"},
		}},
		{"the day is closed over a payment that is not known", "I9|I16", []change{
			{"bridge/till/dayend.go", "		if p.Terminal == w.Name && p.State != bridge.Received {\n", "		if p.Terminal == \"\" {\n"},
			{"bridge/till/dayend.go", "	case w.hand != nil && w.hand.State.NotKnown():\n", "	case w.hand != nil && w.hand.State.NotKnown() && w.closing == nil && w.session == nil:\n"},
			{"bridge/till/dayend.go", "	case w.hand != nil:\n", "	case w.hand != nil && w.hand.State.InFlight():\n"},
			{inWorker, "	case p.State == bridge.Held:\n		w.say(", "	case p.State == bridge.Held && w.closing != nil:\n		w.closesDay(ctx)\n		return 0\n	case p.State == bridge.Held:\n		w.say("},
		}},
	}
}

// returnBugs are mistakes in giving sales back.
func returnBugs() []bug {
	return []bug{
		{"a refund is measured without the earlier ones", "I1", []change{{inKind, "		left -= r.Amount.Minor\n", "		whole = whole && left > 0\n"}}},
		{"a refund on hold counts as not given", "I1", []change{{inKind, "r.Final() && !r.Moved() {", "(r.Final() && !r.Moved() || r.State == Held) {"}}},
		{"MGR is told of a refund", "I4|I5|I8", []change{
			{inStep, "	if p.Kind != Sale {\n		return nil\n	}\n	return []Effect{Notify}", "	return []Effect{Notify}"},
			{inView, "	if !p.Final() || p.Kind != Sale {", "	if !p.Final() {"},
		}},
		{"a refund is looked for among the sales", "I2", []change{
			{inPay, "	if p.Kind != bridge.Sale {\n		w.must(ctx, p, bridge.Event{Kind: bridge.Hold", "	if p.Kind > bridge.Void {\n		w.must(ctx, p, bridge.Event{Kind: bridge.Hold"},
			{inStep, "	if p.Kind != Sale {\n		return nil, fmt.Errorf(\"a terminal's records", "	if p.Kind > Void {\n		return nil, fmt.Errorf(\"a terminal's records"},
		}},
		{"a refund that broke off is given again", "I9|I1", []change{{inPay, "		w.must(ctx, p, bridge.Event{Kind: bridge.Hold, Reason: p.Reason + \" Terminals", "		if w.open(ctx) == nil {\n			w.pay(ctx, p)\n			return 0\n		}\n		w.must(ctx, p, bridge.Event{Kind: bridge.Hold, Reason: p.Reason + \" Terminals"}}},
	}
}
