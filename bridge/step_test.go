package bridge

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
)

var (
	eur   = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	order = Order{UUID: "u-1", Customer: "c-1", Terminal: "counter", Amount: terminal.Amount{Minor: 1250, Currency: eur}}
	anna  = &Person{Name: "Anna", Evidence: "receipt 0163 in the drawer", AuthCode: "651200"}
)

func minor(n int64) *int64 { return &n }

// legal is the whole life written down a second time, by hand: state, then its legal events with the states
// that they may lead to.
var legal = map[State]map[EventKind]string{
	None:         {Accept: "received"},
	Received:     {Arm: "armed", Expire: "expired", GiveUp: "not_sent"},
	Armed:        {Remark: "armed", Send: "sent", See: "seen", GiveUp: "not_sent", Conclude: "uncertain held approved declined", Lose: "uncertain"},
	Sent:         {See: "seen", GiveUp: "uncertain", Conclude: "uncertain held approved declined", Lose: "uncertain"},
	Seen:         {See: "seen", Acknowledge: "acknowledged", GiveUp: "uncertain", Conclude: "uncertain held approved declined", Lose: "uncertain"},
	Acknowledged: {See: "seen", GiveUp: "uncertain", Conclude: "uncertain held approved declined", Lose: "uncertain"},
	Uncertain:    {Ask: "recovering", Find: "held approved declined", Hold: "held", Resolve: "approved declined"},
	Recovering:   {Find: "held approved declined", Hold: "held", Resolve: "approved declined"},
	Held:         {Find: "held approved declined", Resolve: "approved declined"},
	Approved:     {Report: "reported", Late: "approved"},
	Declined:     {Report: "reported", Late: "declined"},
	Expired:      {Report: "reported", Late: "expired"},
	NotSent:      {Report: "reported", Late: "not_sent"},
	Reported:     {Late: "reported"},
}

// inState is a payment that could be in that state, with evidence of every class unless told otherwise.
func inState(s State) Payment {
	if s == None {
		return Payment{}
	}
	p := Payment{
		Order: order, Reference: "0000000001", State: s, Received: noon, Armed: noon, Driver: "zvt",
		Evidence: terminal.C1 | terminal.C2 | terminal.C3, Mark: "162", Entries: 3,
	}
	switch s {
	case Approved:
		p.Outcome, p.Proof, p.Result = terminal.Approved, terminal.Dialogue, &terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue, TxnRef: "163"}
	case Declined, Expired, NotSent, Reported:
		p.Outcome, p.Proof = terminal.Declined, terminal.Refused
	}
	return p
}

// variants are events of one kind with everything that could make a difference, broken ones among them.
func variants(k EventKind) []Event {
	at := noon.Add(time.Minute)
	base := Event{Kind: k, At: at, Order: &order, Reference: "0000000001", Driver: "zvt", Reason: "because"}
	all := []Event{base, {Kind: k, At: at}}
	for _, o := range []terminal.Outcome{terminal.Unknown, terminal.Approved, terminal.Declined} {
		for pr := terminal.NoProof; pr <= terminal.Person; pr++ {
			for _, captured := range []*int64{nil, minor(1250), minor(1000), minor(1400)} {
				for _, extra := range []int64{0, 150} {
					e := base
					e.Result = &terminal.Result{Outcome: o, Proof: pr, CapturedMinor: captured, ExtraMinor: extra, TxnRef: "163"}
					all = append(all, e)
				}
			}
		}
		for _, who := range []*Person{nil, anna, {Name: "Anna"}, {Evidence: "x"}, {Name: "Anna", Evidence: "x"}} {
			e := base
			e.Outcome, e.Person = o, who
			all = append(all, e)
		}
	}
	return all
}

func TestEveryPairIsLegalOrRefused(t *testing.T) {
	pairs := 0
	for s := None; s < stateCount; s++ {
		for _, k := range EventKinds() {
			pairs++
			want := strings.Fields(legal[s][k])
			var reached []string
			for _, e := range variants(k) {
				before := inState(s)
				tr, err := Step(before, e)
				if err != nil {
					var refused *RefusedError
					if !errors.As(err, &refused) || refused.State != s || refused.Event != k {
						t.Fatalf("%s on %s: error %v", k, s, err)
					}
					continue
				}
				if !reflect.DeepEqual(before, inState(s)) {
					t.Fatalf("%s on %s changed the payment that it was given", k, s)
				}
				if !slices.Contains(want, tr.After.State.String()) {
					t.Errorf("%s on %s led to %s, legal is %q", k, s, tr.After.State, want)
				}
				if tr.After.Entries != before.Entries+1 || !tr.After.Updated.Equal(e.At) {
					t.Errorf("%s on %s: entries %d, updated %s", k, s, tr.After.Entries, tr.After.Updated)
				}
				lawful(t, tr)
				reached = append(reached, tr.After.State.String())
			}
			for _, w := range want {
				if !slices.Contains(reached, w) {
					t.Errorf("%s on %s never led to %s", k, s, w)
				}
			}
		}
	}
	t.Logf("%d pairs of state and event", pairs)
}

// lawful checks what must hold of every single transition, whatever led to it.
func lawful(t *testing.T, tr Transition) {
	t.Helper()
	b, a := tr.Before, tr.After
	if b.Final() && (a.Outcome != b.Outcome || a.Proof != b.Proof) {
		t.Errorf("%s changed a final outcome", tr.Event.Kind)
	}
	if a.Final() != (a.Outcome != terminal.Unknown) {
		t.Errorf("%s is final with outcome %s", a.State, a.Outcome)
	}
	if became := a.Final() && !b.Final(); became != tr.Has(Notify) {
		t.Errorf("%s to %s: notice due %v", b.State, a.State, tr.Has(Notify))
	}
	if want := map[State]terminal.Outcome{Approved: terminal.Approved, Declined: terminal.Declined}[a.State]; want != terminal.Unknown && a.Outcome != want {
		t.Errorf("%s to %s: the outcome is %s", b.State, a.State, a.Outcome)
	}
	if (a.State == Uncertain) != tr.Has(Recover) {
		t.Errorf("%s to %s: recovery due %v", b.State, a.State, tr.Has(Recover))
	}
	if a.Final() && !b.Final() && b.State >= Sent {
		proven := tr.Event.Kind == Resolve || tr.Event.Result != nil && tr.Event.Result.Proof != terminal.NoProof
		if !proven {
			t.Errorf("%s decided a payment that was sent, by %s without proof", a.State, tr.Event.Kind)
		}
	}
	if a.State == Approved && !b.Final() && tr.Event.Kind != Resolve {
		if more := tr.Event.Result.Captured(a.Amount).Minor - a.Amount.Minor; more != 0 && more != tr.Event.Result.ExtraMinor {
			t.Errorf("approved %d more than asked", more)
		}
	}
}

func TestJudgement(t *testing.T) {
	approvedAs := func(p terminal.Proof) terminal.Result {
		return terminal.Result{Outcome: terminal.Approved, Proof: p, AuthCode: "651200", TxnRef: "163"}
	}
	declinedAs := func(p terminal.Proof) terminal.Result {
		return terminal.Result{Outcome: terminal.Declined, Proof: p}
	}
	with := func(r terminal.Result, f func(*terminal.Result)) terminal.Result { f(&r); return r }
	ok, no := approvedAs(terminal.Dialogue), declinedAs(terminal.Refused)
	marked := with(ok, func(r *terminal.Result) { r.Mark = "163" })
	recordOf := func(m terminal.Mark) terminal.Result {
		return with(approvedAs(terminal.LastRecord), func(r *terminal.Result) { r.Mark = m })
	}
	for name, c := range map[string]struct {
		from     State
		kind     EventKind
		evidence terminal.Evidence
		mark     terminal.Mark
		seen     *terminal.Result
		result   terminal.Result
		want     State
		refused  bool
	}{
		"approval in the dialogue":            {Sent, Conclude, terminal.C1, "", nil, ok, Approved, false},
		"approval that C4 never stated":       {Sent, Conclude, terminal.C1 | terminal.C4, "", nil, ok, Uncertain, false},
		"approval that C4 stated":             {Acknowledged, Conclude, terminal.C4, "", &ok, ok, Approved, false},
		"approval after a stated refusal, C4": {Acknowledged, Conclude, terminal.C4, "", &no, ok, Uncertain, false},
		"refusal":                             {Sent, Conclude, terminal.C1, "", nil, no, Declined, false},
		"refusal after a stated approval":     {Acknowledged, Conclude, terminal.C4, "", &ok, no, Uncertain, false},
		"void after a stated approval":        {Acknowledged, Conclude, terminal.C4, "", &ok, declinedAs(terminal.Voided), Declined, false},
		"unknown":                             {Sent, Conclude, terminal.C1, "", nil, terminal.Result{}, Uncertain, false},
		"approved without proof":              {Sent, Conclude, terminal.C1, "", nil, approvedAs(terminal.NoProof), Uncertain, false},
		"declined without proof":              {Sent, Conclude, terminal.C1, "", nil, declinedAs(terminal.NoProof), Uncertain, false},
		"nothing sent, said too late":         {Sent, Conclude, terminal.C1, "", nil, declinedAs(terminal.NothingSent), Uncertain, false},
		"less than asked":                     {Sent, Conclude, terminal.C1, "", nil, with(ok, func(r *terminal.Result) { r.CapturedMinor = minor(1000) }), Held, false},
		"more than asked":                     {Sent, Conclude, terminal.C1, "", nil, with(ok, func(r *terminal.Result) { r.CapturedMinor = minor(1400) }), Held, false},
		"more, explained":                     {Sent, Conclude, terminal.C1, "", nil, with(ok, func(r *terminal.Result) { r.CapturedMinor, r.ExtraMinor = minor(1400), 150 }), Approved, false},
		"more, explained in part":             {Sent, Conclude, terminal.C1, "", nil, with(ok, func(r *terminal.Result) { r.CapturedMinor, r.ExtraMinor = minor(1400), 100 }), Held, false},
		"other currency":                      {Sent, Conclude, terminal.C1, "", nil, with(ok, func(r *terminal.Result) { r.CurrencyNumeric = 756 }), Held, false},
		"same currency":                       {Sent, Conclude, terminal.C1, "", nil, with(ok, func(r *terminal.Result) { r.CurrencyNumeric = 978 }), Approved, false},
		"query, C3":                           {Recovering, Find, terminal.C3, "", nil, approvedAs(terminal.Query), Approved, false},
		"query without C3":                    {Recovering, Find, terminal.C2, "162", nil, approvedAs(terminal.Query), Held, false},
		"last record, C2":                     {Recovering, Find, terminal.C2, "162", nil, approvedAs(terminal.LastRecord), Approved, false},
		"last record without a mark":          {Recovering, Find, terminal.C2, "", nil, approvedAs(terminal.LastRecord), Held, false},
		"last record, the one that was seen":  {Recovering, Find, terminal.C2, "", &marked, recordOf(marked.Mark), Approved, false},
		"last record, not the one seen":       {Recovering, Find, terminal.C2, "", &marked, recordOf("164"), Held, false},
		"last record without C2":              {Recovering, Find, terminal.C1, "162", nil, approvedAs(terminal.LastRecord), Held, false},
		"dialogue proof, found later":         {Recovering, Find, terminal.C2 | terminal.C3, "162", nil, ok, Held, false},
		"refused proof, found later":          {Recovering, Find, terminal.C2 | terminal.C3, "162", nil, no, Held, false},
		"unchanged mark":                      {Uncertain, Find, terminal.C2, "162", nil, declinedAs(terminal.UnchangedMark), Declined, false},
		"unchanged mark that was never known": {Uncertain, Find, terminal.C2, "", nil, declinedAs(terminal.UnchangedMark), Held, false},
		"not found, C3":                       {Recovering, Find, terminal.C3, "", nil, declinedAs(terminal.NotFound), Declined, false},
		"not found without C3":                {Recovering, Find, terminal.C1, "", nil, declinedAs(terminal.NotFound), Held, false},
		"voided":                              {Recovering, Find, terminal.C1, "", nil, declinedAs(terminal.Voided), Declined, false},
		"found on hold":                       {Held, Find, terminal.C3, "", nil, approvedAs(terminal.Query), Approved, false},
		"nothing new on hold":                 {Held, Find, terminal.C3, "", nil, terminal.Result{}, Held, true},
		"found with another amount":           {Recovering, Find, terminal.C3, "", nil, with(approvedAs(terminal.Query), func(r *terminal.Result) { r.CapturedMinor = minor(1) }), Held, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := inState(c.from)
			p.Evidence, p.Mark, p.Seen = c.evidence, c.mark, c.seen
			tr, err := Step(p, Event{Kind: c.kind, At: noon, Result: &c.result})
			if c.refused {
				if err == nil {
					t.Fatalf("was accepted and led to %s", tr.After.State)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tr.After.State != c.want {
				t.Errorf("led to %s (%s), want %s", tr.After.State, tr.After.Reason, c.want)
			}
		})
	}
}

func TestLateEvidence(t *testing.T) {
	for name, c := range map[string]struct {
		state State
		late  terminal.Result
		alarm bool
	}{
		"approval after a refusal":               {Declined, terminal.Result{Outcome: terminal.Approved, Proof: terminal.LastRecord}, true},
		"refusal after an approval":              {Approved, terminal.Result{Outcome: terminal.Declined, Proof: terminal.UnchangedMark}, true},
		"the same approval":                      {Approved, terminal.Result{Outcome: terminal.Approved, Proof: terminal.LastRecord, TxnRef: "163"}, false},
		"a second approval, another reference":   {Approved, terminal.Result{Outcome: terminal.Approved, Proof: terminal.LastRecord, TxnRef: "164"}, true},
		"the same refusal":                       {Declined, terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused}, false},
		"nothing proven":                         {Approved, terminal.Result{}, false},
		"an approval without proof":              {Declined, terminal.Result{Outcome: terminal.Approved}, false},
		"approval after it was never sent":       {NotSent, terminal.Result{Outcome: terminal.Approved, Proof: terminal.Query}, true},
		"approval after the refusal is with MGR": {Reported, terminal.Result{Outcome: terminal.Approved, Proof: terminal.Query}, true},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := Step(inState(c.state), Event{Kind: Late, At: noon, Result: &c.late})
			if c.alarm != (err == nil) || c.alarm != tr.Has(Alarm) {
				t.Errorf("alarm %v (%v), want %v", tr.Has(Alarm), err, c.alarm)
			}
		})
	}
}

func TestNotice(t *testing.T) {
	r := &terminal.Result{Outcome: terminal.Approved, AuthCode: "651200", TxnRef: "163"}
	for name, c := range map[string]struct {
		p    Payment
		want Notice
		owed bool
	}{
		"open":                           {inState(Held), Notice{}, false},
		"approved":                       {Payment{Order: order, State: Approved, Outcome: terminal.Approved, Result: r}, Notice{"u-1", true, "651200", "163"}, true},
		"reported":                       {Payment{Order: order, State: Reported, Outcome: terminal.Approved, Result: r}, Notice{"u-1", true, "651200", "163"}, true},
		"declined":                       {Payment{Order: order, State: Declined, Outcome: terminal.Declined, Result: r}, Notice{UUID: "u-1"}, true},
		"by a person":                    {Payment{Order: order, State: Approved, Outcome: terminal.Approved, Result: &terminal.Result{AuthCode: "no"}, Person: anna}, Notice{"u-1", true, "651200", ""}, true},
		"denied by a person, code typed": {Payment{Order: order, State: Declined, Outcome: terminal.Declined, Person: anna}, Notice{UUID: "u-1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, owed := c.p.Notice()
			if got != c.want || owed != c.owed {
				t.Errorf("got %+v %v, want %+v %v", got, owed, c.want, c.owed)
			}
		})
	}
}

func TestAdmit(t *testing.T) {
	other := order
	other.Amount.Minor++
	elsewhere := order
	elsewhere.Terminal = "bar"
	known := inState(Held)
	if a, err := Admit(Payment{}, order); a != New || err != nil {
		t.Errorf("a new order: %v, %v", a, err)
	}
	if a, err := Admit(known, order); a != Repeat || err != nil {
		t.Errorf("the same order: %v, %v", a, err)
	}
	for _, o := range []Order{other, elsewhere} {
		var r *Refusal
		if _, err := Admit(known, o); !errors.As(err, &r) || r.Kind != Reused {
			t.Errorf("other content under the uuid: %v", err)
		}
	}
}

func TestWake(t *testing.T) {
	for s := Received; s < stateCount; s++ {
		e, due := Wake(inState(s), noon.Add(10*time.Second), time.Minute)
		wantDue := s.InFlight()
		if due != wantDue || due && e.Kind != Lose {
			t.Errorf("%s wakes with %v %v", s, e.Kind, due)
		}
	}
	for age, expires := range map[time.Duration]bool{0: false, 59 * time.Second: false, time.Minute: false, -time.Minute: false, 61 * time.Second: true, -59 * time.Second: false, -2 * time.Hour: true} {
		e, due := Wake(inState(Received), noon.Add(age), time.Minute)
		if due != expires || due && e.Kind != Expire {
			t.Errorf("received %s ago wakes with %v %v", age, e.Kind, due)
		}
	}
	for s := Received; s < stateCount; s++ {
		eff, due := Resume(inState(s))
		want := s == Received || s == Uncertain || s == Recovering
		if due != want || due && (eff == Start) != (s == Received) {
			t.Errorf("%s resumes with %v %v", s, eff, due)
		}
	}
}

func TestMarkAfter(t *testing.T) {
	marked := &terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue, Mark: "163"}
	bare := &terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue}
	refused := &terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused}
	for name, c := range map[string]struct {
		e       Event
		after   State
		outcome terminal.Outcome
		mark    terminal.Mark
		changes bool
	}{
		"approved, tells":       {Event{Kind: Conclude, Result: marked}, Approved, terminal.Approved, "163", true},
		"approved, does not":    {Event{Kind: Conclude, Result: bare}, Approved, terminal.Approved, "", true},
		"declined, does not":    {Event{Kind: Conclude, Result: refused}, Declined, terminal.Declined, "", false},
		"uncertain":             {Event{Kind: Conclude, Result: marked}, Uncertain, terminal.Unknown, "", true},
		"held over the amount":  {Event{Kind: Find, Result: marked}, Held, terminal.Unknown, "", true},
		"found":                 {Event{Kind: Find, Result: marked}, Approved, terminal.Approved, "163", true},
		"lost":                  {Event{Kind: Lose}, Uncertain, terminal.Unknown, "", true},
		"held":                  {Event{Kind: Hold}, Held, terminal.Unknown, "", true},
		"a person":              {Event{Kind: Resolve}, Declined, terminal.Declined, "", true},
		"seen, not yet settled": {Event{Kind: See, Result: marked}, Seen, terminal.Unknown, "", false},
		"read anew":             {Event{Kind: Remark, Mark: "164"}, Armed, terminal.Unknown, "164", true},
		"told no more":          {Event{Kind: Remark}, Armed, terminal.Unknown, "", true},
		"never sent":            {Event{Kind: GiveUp}, NotSent, terminal.Declined, "", false},
		"gave up after sending": {Event{Kind: GiveUp}, Uncertain, terminal.Unknown, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			p := inState(c.after)
			p.Outcome = c.outcome
			mark, changes := MarkAfter(Transition{After: p, Event: c.e})
			if mark != c.mark || changes != c.changes {
				t.Errorf("mark %q changes %v, want %q %v", mark, changes, c.mark, c.changes)
			}
		})
	}
}

func TestDigestTellsEveryFieldApart(t *testing.T) {
	seen := map[[32]byte]Order{}
	for _, o := range []Order{
		order,
		{UUID: "u-1c", Customer: "-1", Terminal: "counter", Amount: order.Amount},
		{UUID: "u-1", Customer: "c-2", Terminal: "counter", Amount: order.Amount},
		{UUID: "u-1", Customer: "c-1", Terminal: "bar", Amount: order.Amount},
		{UUID: "u-1", Customer: "c-1", Terminal: "counter", Amount: terminal.Amount{Minor: 1251, Currency: eur}},
		{UUID: "u-1", Customer: "c-1", Terminal: "counter", Amount: terminal.Amount{Minor: 1250, Currency: terminal.Currency{Code: "CHF", Numeric: 756, Digits: 2}}},
		{UUID: "u-1", Customer: "c-1", Terminal: "counter", Amount: order.Amount, Kind: Refund, Sale: "u-0", By: "Olga"},
		{UUID: "u-1", Customer: "c-1", Terminal: "counter", Amount: order.Amount, Kind: Void, Sale: "u-0", By: "Olga"},
		{UUID: "u-1", Customer: "c-1", Terminal: "counter", Amount: order.Amount, Kind: Refund, Sale: "u-", By: "0Olga"},
		{UUID: "u-1", Customer: "c-1", Terminal: "counter", Amount: order.Amount, Kind: Refund, Sale: "u-0", By: "Otto"},
	} {
		if other, ok := seen[o.Digest()]; ok {
			t.Errorf("%+v and %+v have one digest", o, other)
		}
		seen[o.Digest()] = o
	}
}

// The words stand in journals and may never change.
func TestWordsArePinned(t *testing.T) {
	var states, events []string
	for s := None; s < stateCount; s++ {
		states = append(states, s.String())
		if back, err := ParseState(s.String()); err != nil || back != s {
			t.Errorf("%s reads back as %s, %v", s, back, err)
		}
	}
	for _, k := range EventKinds() {
		events = append(events, k.String())
		if back, err := ParseEventKind(k.String()); err != nil || back != k {
			t.Errorf("%s reads back as %s, %v", k, back, err)
		}
	}
	if got, want := strings.Join(states, " "), "none received armed sent seen acknowledged uncertain recovering held approved declined expired not_sent reported"; got != want {
		t.Errorf("states are %q", got)
	}
	if got, want := strings.Join(events, " "), "accept expire arm give-up send see acknowledge conclude lose ask find hold resolve report late remark correct"; got != want {
		t.Errorf("events are %q", got)
	}
}

func TestReplay(t *testing.T) {
	ok := &terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue, AuthCode: "651200", TxnRef: "163", Mark: "163"}
	events := []Event{
		{Kind: Accept, At: noon, Order: &order, Reference: "0000000001"},
		{Kind: Arm, At: noon, Driver: "zvt", Evidence: terminal.C2 | terminal.C4, Mark: "162"},
		{Kind: Send, At: noon},
		{Kind: See, At: noon, Result: ok},
		{Kind: Acknowledge, At: noon},
		{Kind: Conclude, At: noon, Result: ok},
		{Kind: Report, At: noon},
	}
	p, err := Replay(events)
	if err != nil || p.State != Reported || p.Outcome != terminal.Approved || p.Entries != 7 {
		t.Errorf("replayed to %+v, %v", p, err)
	}
	if _, err := Replay(append(events, Event{Kind: Arm, At: noon, Driver: "zvt"})); err == nil || !strings.Contains(err.Error(), "entry 8") {
		t.Errorf("a second arming replayed: %v", err)
	}
}

// A session's word for a person is believed where nothing but a person can tell, and where it names them.
func TestTestimony(t *testing.T) {
	yes := terminal.Result{Outcome: terminal.Approved, Proof: terminal.Person, Person: "Anna", AuthCode: "651200"}
	change := func(f func(*terminal.Result)) terminal.Result {
		r := yes
		f(&r)
		return r
	}
	for name, c := range map[string]struct {
		evidence terminal.Evidence
		result   terminal.Result
		want     State
	}{
		"approved":                  {terminal.C0, yes, Approved},
		"approved by reference":     {terminal.C0, change(func(r *terminal.Result) { r.AuthCode, r.TxnRef = "", "163" }), Approved},
		"approved without a code":   {terminal.C0, change(func(r *terminal.Result) { r.AuthCode = "" }), Uncertain},
		"approved by nobody":        {terminal.C0, change(func(r *terminal.Result) { r.Person = " " }), Uncertain},
		"not paid":                  {terminal.C0, change(func(r *terminal.Result) { r.Outcome, r.AuthCode = terminal.Declined, "" }), Declined},
		"not paid, said by nobody":  {terminal.C0, change(func(r *terminal.Result) { r.Outcome, r.Person = terminal.Declined, "" }), Uncertain},
		"cannot tell":               {terminal.C0, change(func(r *terminal.Result) { r.Outcome = terminal.Unknown }), Uncertain},
		"a terminal that can speak": {terminal.C1, yes, Uncertain},
		"beside other evidence":     {terminal.C0 | terminal.C2, yes, Uncertain},
		"another sum":               {terminal.C0, change(func(r *terminal.Result) { r.CapturedMinor = minor(1000) }), Held},
	} {
		p := inState(Sent)
		p.Evidence = c.evidence
		got, err := Step(p, Event{Kind: Conclude, At: noon, Result: &c.result})
		if err != nil || got.After.State != c.want {
			t.Errorf("%s: %s, %v; want %s", name, got.After.State, err, c.want)
		}
	}
	p := inState(Uncertain)
	p.Evidence = terminal.C0
	if got, err := Step(p, Event{Kind: Find, At: noon, Result: &yes}); err != nil || got.After.State != Held {
		t.Errorf("asking afterwards: %s, %v: a person settles it on the hold page", got.After.State, err)
	}
}
