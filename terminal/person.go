package terminal

import "context"

// Ask puts a question to the person at the till and waits for the answer; it ends with an error when ctx does. One question
// is open at a time, and only during Pay. That a person was asked proves nothing: the answer does.
type Ask func(ctx context.Context, q Question) (Answer, error)

// Question is what a driver wants a person to read from a terminal that has no connection.
type Question struct {
	Amount Amount
	Text   string // what to do, in one or two sentences
	Again  bool   // it was answered, and the same is to be typed once more, independently
	// Problem is why the question is put once more from the beginning; empty for the first time.
	Problem string
}

// Answer is what a person read from the terminal.
type Answer struct {
	Name     string  // who says so; never empty
	Outcome  Outcome // Unknown: they cannot tell
	AuthCode string  // as printed, of an approval
	TxnRef   string  // the terminal's reference, as printed, of an approval
}
