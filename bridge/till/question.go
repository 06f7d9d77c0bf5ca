package till

import (
	"context"
	"errors"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// question is a question of the driver's that waits for a person.
type question struct {
	bridge.Question
	answer chan terminal.Answer
}

// ask is what the engine lends a driver as terminal.Ask.
func (w *worker) ask(ctx context.Context, q terminal.Question) (terminal.Answer, error) {
	one := &question{bridge.Question{ID: w.desk.reference(), Question: q}, make(chan terminal.Answer, 1)}
	w.mu.Lock()
	open := w.question != nil || w.hand == nil || !w.hand.State.InFlight()
	if !open {
		w.question = one
	}
	w.mu.Unlock()
	if open {
		return terminal.Answer{}, errors.New("a person is asked one thing at a time, and only in a payment")
	}
	w.desk.hooks.Changed()
	defer func() {
		w.mu.Lock()
		if w.question == one {
			w.question = nil
		}
		w.mu.Unlock()
		w.desk.hooks.Changed()
	}()
	select {
	case a := <-one.answer:
		return a, nil
	case <-ctx.Done():
	}
	select {
	case a := <-one.answer: // who was told that the answer is taken must be right
		return a, nil
	default:
		return terminal.Answer{}, ctx.Err()
	}
}

// answer answers the question with that ID, once.
func (w *worker) answer(id string, a terminal.Answer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.question == nil || w.question.ID != id {
		return errors.New("this was answered already, or is not asked any more")
	}
	w.question.answer <- a
	w.question = nil
	return nil
}
