package example

import (
	"context"

	"tillbridge/terminal"
)

// Recover asks by our reference. It moves no money and may be repeated: the engine does so for as long as it gets errors.
//
// Where a link is a network, "not found" proves nothing while P may still be on its way (docs/decisions 0005); this protocol
// has a serial line only, on which the question comes behind P or P does not come at all.
func (s *session) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	line, err := s.greet(ctx)
	if err != nil {
		s.drop()
		return terminal.Result{}, err
	}
	m, err := s.ask(ctx, line, []byte("Q|"+a.Reference), func(m message) bool { return m.kind == "S" && m.ref == a.Reference })
	switch {
	case err != nil:
		s.drop()
		return terminal.Result{}, err
	case m.code == "B":
		return terminal.Result{}, terminal.ErrBusy
	case m.code == "N":
		return terminal.Result{Outcome: terminal.Declined, Proof: terminal.NotFound, Text: "The terminal knows no such payment, so nothing was charged."}, nil
	}
	out := m.result()
	if out.Outcome != terminal.Unknown {
		out.Proof = terminal.Query
	}
	return out, nil
}
