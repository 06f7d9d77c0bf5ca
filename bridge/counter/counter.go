package counter

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"html/template"
	"log/slog"
	"net/http"

	"github.com/gorilla/mux"

	"tillbridge/bridge/counter/language"
	"tillbridge/bridge/health"
)

// Config is what a counter screen is made of.
type Config struct {
	Access Access // the passwords of the clerk and of the owner

	// Token opens the part of the API that only reads, for programs; without one they need a password.
	Token string

	Hosts         []string // names and addresses, without port, that browsers may use beside the loopback ones
	Exposed       []string // doors that are reachable from the network without TLS, each in words; shown in red
	SettingsError string   // why the settings cannot be used and no payment is taken; shown whole, line by line
	Warnings      []string // sentences that are shown on every page
	Version       string
	Log           *slog.Logger

	Settings         string // what is in effect, without secrets, for the owner to read; empty where it is not known
	Journal, LogFile string // their paths, for the owner to find; empty where there is none

	Health func() []health.Terminal // how each terminal's line works; nil where that is not known
	Local  http.Handler             // serves what is below health.Prefix, for tools on this computer; nil for nobody
}

// Counter is the counter screen as an http.Handler. It starts no goroutine of its own.
type Counter struct {
	config    Config
	book      Book
	desk      Desk
	log       *slog.Logger
	hosts     map[string]bool
	origins   *http.CrossOriginProtection
	pages     map[string]*template.Template // by language
	languages *language.Set
	router    *mux.Router
	sessions  *sessions
	throttle  *throttle
	isToken   func(shown string) bool
	checking  chan struct{} // held while a password is checked: a check may cost much memory
	live      *live
}

// New makes a counter screen. It does no I/O.
func New(c Config, b Book, d Desk) (*Counter, error) {
	switch {
	case b == nil || d == nil:
		return nil, errors.New("the counter screen needs a book and a desk")
	case c.Access == nil:
		return nil, errors.New("the counter screen needs passwords")
	}
	token := sha256.Sum256([]byte(c.Token))
	hasToken := c.Token != ""
	c.Token = ""
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	languages, err := language.Load()
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, l := range languages.All() {
		if pages[l.Tag], err = parsePages(l); err != nil {
			return nil, err
		}
	}
	s := &Counter{
		config:    c,
		book:      b,
		desk:      d,
		log:       c.Log,
		hosts:     map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true},
		origins:   http.NewCrossOriginProtection(),
		pages:     pages,
		languages: languages,
		sessions:  &sessions{byDigest: map[[sha256.Size]byte]*session{}},
		throttle:  &throttle{wrong: map[string][]wrongTry{}},
		checking:  make(chan struct{}, 1),
		isToken: func(shown string) bool {
			got := sha256.Sum256([]byte(shown))
			return subtle.ConstantTimeCompare(got[:], token[:]) == 1 && hasToken
		},
		live: &live{listeners: map[chan struct{}]struct{}{}, closed: make(chan struct{})},
	}
	for _, h := range c.Hosts {
		name := hostName(h)
		if name == "" {
			return nil, errors.New("a host name of the counter screen is empty")
		}
		s.hosts[name] = true
	}
	s.router = s.routes()
	return s, nil
}

// Changed tells the open pages that something they show has changed. It never blocks.
func (c *Counter) Changed() { c.live.changed() }

// Close ends the open event streams, so that a server can shut down, and lets no new one begin. It may be
// called again.
func (c *Counter) Close() { c.live.close() }

func (c *Counter) routes() *mux.Router {
	r := mux.NewRouter().UseEncodedPath().SkipClean(true)
	get := func(path string, h http.HandlerFunc) { r.HandleFunc(path, h).Methods(http.MethodGet, http.MethodHead) }
	post := func(path string, h http.HandlerFunc) { r.HandleFunc(path, h).Methods(http.MethodPost) }

	get("/static/{file}", serveStatic)
	get("/sign-in", c.signInPage)
	post("/sign-in", c.signIn)
	post("/language", c.chooseLanguage)
	post("/api/v1/payments/{uuid}/resolve", c.apiResolve)
	get("/api/v1/openapi.json", serveOpenAPI)
	get("/api/v1/status", c.apiReader(c.apiStatus))
	get("/api/v1/payments", c.apiReader(c.apiPayments))
	get("/api/v1/payments/{uuid}", c.apiReader(c.apiPayment))
	get("/api/v1/alarms", c.apiReader(c.apiAlarms))
	get("/api/v1/day-ends", c.apiReader(c.apiDayEnds))
	get("/metrics", c.apiReader(c.metrics))
	if c.config.Local != nil { // it has a guard of its own, which no session opens
		r.PathPrefix(health.Prefix).Handler(c.config.Local)
	}

	post("/sign-out", c.member(c.signOut))
	get("/", c.member(c.now))
	post("/terminal/cancel", c.member(c.cancel))
	get("/terminal/question", c.member(c.questionPage))
	post("/terminal/answer", c.member(c.answer))
	get("/alarm", c.member(c.alarmPage))
	post("/alarm/clear", c.member(c.clearAlarm))
	get("/day-end", c.member(c.dayEnd))
	post("/day-end/run", c.member(c.runDayEnd))
	get("/day-end/show", c.member(c.showDayEnd))
	get("/day-end/slip", c.member(c.daySlip))
	get("/payments", c.member(c.payments))
	get(exportCSVPath, c.owner(c.exportCSV))
	get(exportJSONPath, c.owner(c.exportJSON))
	get("/payment", c.member(c.payment))
	get("/receipt", c.member(c.receipt))
	post("/payment/ask", c.member(c.askAgain))
	post("/payment/settle", c.member(c.settle))
	post("/payment/confirm", c.member(c.confirm))
	post("/payment/give-back", c.owner(c.giveBack))
	post("/payment/give-back/confirm", c.owner(c.confirmGiveBack))
	get("/settings", c.owner(c.settings))
	get("/passwords", c.owner(c.passwords))
	post("/passwords", c.owner(c.changePassword))
	r.HandleFunc("/events", c.events).Methods(http.MethodGet)

	r.NotFoundHandler = c.member(func(w http.ResponseWriter, r *http.Request, s *session) {
		c.problem(w, r, s, http.StatusNotFound, c.language(r).HTML("There is no such page."))
	})
	r.MethodNotAllowedHandler = c.member(func(w http.ResponseWriter, r *http.Request, s *session) {
		c.problem(w, r, s, http.StatusMethodNotAllowed, c.language(r).HTML("This address cannot be used like that. Nothing was done."))
	})
	return r
}
