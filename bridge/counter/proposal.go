package counter

import (
	"time"

	"tillbridge/bridge"
)

// proposalLife is how long a proposal waits for its confirmation.
const proposalLife = 10 * time.Minute

// proposal is what was shown to somebody for confirmation: a settlement, or money that is to go back. It belongs to a session,
// which has one at a time, and its token is good for it alone, once.
type proposal struct {
	token string
	uuid  string // of the payment on whose page it began
	ends  time.Time

	settlement *settlement   // one of them is set
	order      *bridge.Order // what is to go back
}

// propose keeps what was shown for confirmation, in place of anything earlier, and makes its token.
func (s *session) propose(p proposal) (token string) {
	p.token, p.ends = newToken(), time.Now().Add(proposalLife)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proposal = &p
	return p.token
}

// proposed is what waits for its confirmation; nil when there is nothing.
func (s *session) proposed() *proposal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proposal
}

// waiting is the proposal with a token; nil when there is none, or it is too old.
func (s *session) waiting(token string, now time.Time) *proposal {
	p := s.proposed()
	if p == nil || p.token != token || now.After(p.ends) {
		return nil
	}
	return p
}

// take gives out the proposal with a token, once.
func (s *session) take(token string, now time.Time) *proposal {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.proposal
	if p == nil || p.token != token || now.After(p.ends) {
		return nil
	}
	s.proposal = nil
	return p
}
