// Package drivertest is the battery of scenarios that every driver must pass, as testing/fstest is for fs.FS.
//
// A driver runs through it against its own simulator, over a line in memory that the battery meddles with. Truth is the
// simulator's ledger. A driver's test is one call:
//
//	func TestBattery(t *testing.T) {
//		drivertest.Run(t, drivertest.Subject{
//			Driver:   x.Driver(),
//			Links:    []terminal.LinkKind{terminal.Serial, terminal.TCP},
//			Currency: terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2},
//			Money: func(k terminal.LinkKind, written []byte) bool {
//				return bytes.Contains(written, []byte("\x02P0"))
//			},
//			Lacks: map[string]string{simulate.Tip: "the protocol has no tip"},
//		})
//	}
//
// # What a scenario is
//
// Scenarios lists them all. Each is a payment to which something happens: a script of the simulator's fault menu
// (terminal/simulate, script.go), a press at the terminal, the death or the stop of the till, or a fault of the line. The
// faults of the line need nothing of the simulator: the battery stands between it and the driver, and cuts, damages, delays,
// loses, repeats and glues what passes, at every byte or every write of an undisturbed payment, which it learns first. One scenario
// plays as many positions as its part of the dialogue has, or a part of them (see below).
//
// A scenario whose simulator lacks what it needs is left out, aloud, for the reason that Subject.Lacks gives. Something that
// is missing without a reason is an error, and so is a reason for something that is there.
//
// # Words
//
// Names of scenarios are made of these:
//
//   - out, in: the way of the bytes. Out is what the till says to the terminal, in what the terminal says to the till.
//   - sweep: a trouble played at one place after the other of a part of the payment, and a scenario for each part and way.
//   - parts: before the command (from the beginning of Pay), in the command (the money command's own bytes), in the dialogue (from there to
//     the last Till.Seen, or to the end where there is none), in the ending (behind that).
//   - cut: the line is lost, and both sides notice. Hang-up: the terminal's side closes the connection. Pull: it is the terminal's own cable.
//   - mute: nothing passes any more, and nobody notices.
//   - death, stop: the till's own end, at once or in good order; it starts again. Reboot: the terminal loses its power.
//   - flip: one bit is inverted. Spoil: the last byte of every write from there on is. Rubbish: noise comes before the write. Fragment: half of
//     the write comes first, and then all of it.
//   - gap, stall: a pause before a byte, which a terminal must bear (gap) or may take for the end (stall).
//   - loss, repetition, delay: a write that does not come, comes twice, comes late. Astray: it comes late, and the connection has broken before.
//   - glued, byte by byte: how writes are cut into reads, without any of them changed.
//   - stale: what the terminal said in the payment before lies unread on the line.
//   - late NAK: the terminal says NAK when it has shown already that it has the command (Subject.Refusal).
//   - strange code: a result with a code that no list has, in the dialogue or when it is asked for (Subject.Strange).
//   - broken: the line is lost in the payment, and what matters is what comes then. Second command: another payment is begun before the broken
//     one is over, as after a person has settled it too early.
//   - forgotten: the till dies when the dialogue has ended, before it has written down how.
//   - held: the payment is left to a person. Undisturbed: the payment to which nothing happens, from which the battery learns what passes.
//
// # What is checked
//
// A small engine keeps the contract of the real one (bridge/till) exactly: it reads the Marker's mark after each opening, calls
// Pay once, judges by the rules of the core (bridge.Step; a test here compares the two), asks by Recover with the engine's
// spacing, on a new session after each that broke, and for five minutes after the last fault. Then:
//
//   - approved if and only if the ledger holds the money, once; the same sum, the same authorisation code, a tip named;
//   - declined only if the ledger does not hold it, and never will: the ledger is looked at again at the end;
//   - held only where the scenario allows it to the driver's evidence class, the command was handed over and
//     something did go wrong. A driver never chooses what may be held: its terminal.Evidence does;
//   - never without an end: Recover answers once the line is whole;
//   - the money command (Subject.Money) is written once, in Pay; again only after the terminal asked for it
//     (Subject.NAK), at most twice more, never on silence, never after a NAK that came behind the terminal's acknowledgement;
//     ErrNotSent only where it was not written;
//   - a serial line is aborted and not closed while bytes of the money command wait on our side;
//   - nothing is approved or declined by a code that nobody knows;
//   - every script that the simulator lists is played: the ledger, the power and the cable are what the script says, and the terminal says and
//     does something else than in a plain approval or refusal;
//   - nothing is acknowledged before Till.Seen returned nil, or after it returned an error (Subject.Vote), and with C4 nothing
//     is booked before it; after an error of Till.Mark nothing is sent;
//   - the Till is not used after Pay has returned;
//   - no more than four digits of a card number in a result, a receipt, a text, an error or the log (Subject.Cards);
//   - a following payment, of another sum, is approved and is not closed by what comes late;
//   - nothing of the driver and the simulator goes on after Close and the end of the context.
//
// Every play is a bubble of testing/synctest: times are virtual, and four minutes of outage cost nothing.
//
// # What a driver must do for it
//
//   - Dial by Env.Dial, close every port that it dialled, and close a serial port before it dials again.
//   - Hand the money command to the port in one Write that Subject.Money knows. What goes before it (a wake-up character,
//     a handshake) may be other writes.
//   - Not believe that nothing was booked, over TCP, while the money command may still be on its way: the battery holds it up for
//     twelve seconds, also after the connection broke (docs/decisions 0005).
//   - Where its port has a method Abort() error, close the line with that while a money command is undecided, so that what waits on
//     our side does not leave any more.
//   - Take time from package time only; start no goroutine that outlives Close; wait on channels, timers and Port.Read,
//     which end with their context or deadline. A wait for anything outside the bubble (a real socket, a process) hangs the play.
//   - Answer Recover with Unknown, a nil error and a Text where its protocol cannot tell (C0, C1); an error there
//     means "ask again".
//
// # What a simulator must do for it
//
//   - Take the actions tap, decline, cancel, pull-cable, plug-cable, cut-power and restore-power, and as many of the menu's
//     outcomes and of the other actions as its protocol can have: simulate.Desk does the common part. approved and
//     declined are never lacking.
//   - Write a frame, or a control character, in one Write: a write is what the battery loses, repeats or delays.
//   - Let a payment go on when its line is lost, as a terminal does: the ledger and the payment outlive Serve.
//   - Write into Entry.AuthCode what the terminal tells the till, and nothing where its protocol tells none. A sale that the
//     terminal reversed stands with Captured false, or not at all. Manual marks what was not ours.
//   - Where the terminal has no connection, play the person at the till too: a method Answer, of the form of terminal.Ask,
//     is lent to the driver as Env.Ask. Subject.Lacks then has a reason for Line.
//   - Be quick: SimulatorOptions.Think is a step's time, and an unattended payment ends by itself within two minutes.
//   - Leave nothing behind once Serve has returned and no line is open; timers that need no goroutine may stay.
//
// # Beside the battery
//
//   - Noise pays over a serial line whose bits flip, under the battery's rules: TestNoisyLine of each driver with such a line.
//   - Fuzz lets a terminal say anything in a payment and when it is asked afterwards: FuzzTerminal of each driver. Its seeds must reach every
//     outcome, so that the fuzzer does not begin before all of them.
//   - Vectors reads the tables of test bytes that lie beside the project.
//   - Rig is a session with a simulated terminal, Fake a terminal that says what a test wants, Book a till that writes everything down, and
//     Converse says bytes to a simulator: for what a driver's own tests add.
//
// # Reading a failure
//
// A failure names scenario and position, what is wrong, and what went over the line: "->" is the till to the terminal, "<-" the
// other way, in hex, with the virtual time since the session was opened, and what the ledger says. To play it alone:
//
//	go test ./drivers/x -run 'TestBattery/serial/cut_approved_in_in_the_dialogue' -v
//
// With -v a scenario that passes says what it is. By themselves the tests play three positions of each sweep (Subject.Sample). TILLBRIDGE_BATTERY=1 plays every byte of a cut and of a
// damage and 25 positions of the others; TILLBRIDGE_THOROUGH=1 plays every position of every sweep and more seeds of noise.
package drivertest
