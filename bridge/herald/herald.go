package herald

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	lookEvery  = 10 * time.Second
	lookWithin = 10 * time.Second
	maxTold    = 500 // things that stand and were told, a way; with so many, nothing new is told
)

// Config is what a herald is made of. At least one of the ways must be given.
type Config struct {
	Shop    string   // how the messages name this till
	Webhook *Webhook // nil for none
	Email   *Email   // nil for none
	File    string   // where is kept what was told; it need not exist
	// Secrets must be in no message. The ways' own need not be named.
	Secrets []string
	// Standing is everything that stands. It is called every few seconds.
	Standing func(context.Context) ([]Thing, error)
	// Over says in one sentence that a thing which was told, and stands no more, is over.
	Over  func(context.Context, Event) string
	Roots *x509.CertPool // whom the ways' certificates may be signed by; nil for the system's
	Log   *slog.Logger
}

// Herald tells the owner. See the package comment.
type Herald struct {
	config Config
	blank  *strings.Replacer
	log    *seldom
	seen   map[string]time.Time // since when each thing stands, by the looks

	keeping sync.Mutex // held while the file is written, before mu
	mu      sync.Mutex
	ways    []*way // the slice never changes; mu guards what they hold
}

// New makes a herald. It does nothing before Run.
func New(c Config) (*Herald, error) {
	if c.Standing == nil || c.Over == nil || c.Log == nil || c.File == "" {
		return nil, errors.New("the herald needs to be told what stands and what is over, a file, and a log")
	}
	h := &Herald{config: c, log: &seldom{log: c.Log}, seen: map[string]time.Time{}}
	secrets := c.Secrets
	if w := c.Webhook; w != nil {
		p, err := newPost(*w, c.Roots)
		if err != nil {
			return nil, err
		}
		h.ways = append(h.ways, newWay("webhook", p))
		secrets = append(slices.Clip(secrets), w.URL, w.Token)
	}
	if m := c.Email; m != nil {
		l, err := newLetter(*m, c.Roots, func(err error) {
			h.log.warn("the mail server refuses some of those whom alarms are for", h.clean(err.Error(), maxText))
		})
		if err != nil {
			return nil, err
		}
		h.ways = append(h.ways, newWay("email", l))
		secrets = append(slices.Clip(secrets), m.Password)
	}
	if len(h.ways) == 0 {
		return nil, errors.New("the herald needs somebody to tell")
	}
	h.blank = blanker(secrets)
	h.config.Shop = h.clean(c.Shop, maxWord)
	return h, nil
}

// shortestSecret is the fewest characters of a secret that is looked for: a shorter one is in every text.
const shortestSecret = 6

// blanker takes secrets out of texts, as they are and as mail servers are sent them.
func blanker(secrets []string) *strings.Replacer {
	var pairs []string
	for _, s := range secrets {
		if len(s) >= shortestSecret {
			pairs = append(pairs, s, "(secret)", base64.StdEncoding.EncodeToString([]byte(s)), "(secret)")
		}
	}
	return strings.NewReplacer(pairs...)
}

// Run looks and tells until ctx ends. It is to be called once.
func (h *Herald) Run(ctx context.Context) {
	if err := h.load(); err != nil {
		h.config.Log.Warn("what the owner was told is not known; all that stands is told once more", "error", err)
	}
	var work sync.WaitGroup
	defer work.Wait()
	for _, w := range h.ways {
		work.Go(func() { h.tell(ctx, w) })
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		h.look(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// look finds what began and what is over, and gives it to the ways.
func (h *Herald) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	things, err := h.config.Standing(ctx)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			h.log.warn("what stands cannot be read, so that nobody is told", h.clean(err.Error(), maxText))
		}
		return
	}
	now := time.Now()
	stands := h.note(things, now)
	begun := h.begun(things, now)
	ended := map[string]Event{}
	for key, e := range h.gone(stands) {
		ended[key] = h.over(e, h.config.Over(ctx, e), now)
	}
	if ctx.Err() != nil {
		return // the words may be wrong; the next look finds the same
	}
	h.mu.Lock()
	changed := false
	for _, w := range h.ways {
		changed = w.take(begun, ended, now) || changed
	}
	h.mu.Unlock()
	if !changed {
		return
	}
	h.keep()
	for _, w := range h.ways {
		w.wake()
	}
}

// note remembers since when things stand, and tells the keys of all that do.
func (h *Herald) note(things []Thing, now time.Time) (stands map[string]bool) {
	stands = map[string]bool{}
	for _, t := range things {
		stands[t.Key] = true
		if _, known := h.seen[t.Key]; !known {
			h.seen[t.Key] = now
		}
	}
	for key := range h.seen {
		if !stands[key] {
			delete(h.seen, key)
		}
	}
	return stands
}

// begun is what has stood for long enough to be told, and that some way was not given.
func (h *Herald) begun(things []Thing, now time.Time) map[string]Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	begun := map[string]Event{}
	for _, t := range things {
		since := h.seen[t.Key]
		// The time that a thing names may lie ahead, where the clock has been set back.
		if !t.Since.IsZero() && t.Since.Before(since) {
			since = t.Since
		}
		lacks := func(w *way) bool { return w.lacks(t.Key) }
		if now.Sub(since) >= patience(t.Kind) && slices.ContainsFunc(h.ways, lacks) {
			begun[t.Key] = h.raised(t, since)
		}
	}
	return begun
}

// gone is what some way was told of and that stands no more.
func (h *Herald) gone(stands map[string]bool) map[string]Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	gone := map[string]Event{}
	for _, w := range h.ways {
		for key, e := range w.told {
			if !stands[key] {
				gone[key] = e
			}
		}
	}
	return gone
}

// inOrder are the keys of events, the oldest first.
func inOrder(events map[string]Event) []string {
	keys := make([]string, 0, len(events))
	for k := range events {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(events[a].At.Compare(events[b].At), cmp.Compare(a, b))
	})
	return keys
}

// seldomEvery is how often each of its complaints is in the log at the most.
const seldomEvery = 10 * time.Minute

// seldom logs what goes wrong again and again.
type seldom struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[string]time.Time // by message; there are a few
}

func (s *seldom) warn(message, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.said[message]; ok && time.Since(at) < seldomEvery {
		return
	}
	if s.said == nil {
		s.said = map[string]time.Time{}
	}
	s.said[message] = time.Now()
	s.log.Warn(message, "error", why)
}
