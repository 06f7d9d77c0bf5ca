package counter

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"tillbridge/bridge/access"
	"tillbridge/bridge/counter/language"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

// parsePages reads the templates of all pages, in one language.
func parsePages(l *language.Language) (*template.Template, error) {
	pages, err := template.New(l.Tag).Funcs(template.FuncMap{
		"t":        l.HTML,
		"say":      l.Say,
		"sentence": func(s string) template.HTML { return l.Say(asSentence(s)) },
		"quote":    l.Quote,
		"amount":   l.Amount,
		"when":     func(t time.Time) string { return l.Time(t, time.Now()) },
		"stamp":    func(t time.Time) string { return t.Format(time.RFC3339) },
		"milli":    time.Time.UnixMilli,
		"since":    func(t time.Time) string { return l.Span(time.Since(t)) },
		"indent":   func(columns int) string { return strings.Repeat(" ", min(max(columns, 0), 80)) },
		"query":    func(name, value string) template.URL { return template.URL(query(name, value)) },
	}).ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	return pages, nil
}

// query writes one parameter of a link.
func query(name, value string) string { return url.Values{name: {value}}.Encode() }

// frame is what stands around every page, and the page's own part in View.
type frame struct {
	Title   string
	Clerk   string // the name of who is signed in; empty while nobody is
	Role    string // theirs, in a word
	Owner   bool   // they are the owner
	Section string // the entry of the navigation that is marked
	Live    string // the address that gives this page again; empty for a page that does not change by itself
	Refresh int    // seconds after which a browser without JavaScript loads Live again; 0 for never
	Now     time.Time
	Done    string        // what was just done
	Problem template.HTML // what could not be done
	View    any

	Language  *language.Language
	Languages []*language.Language // that can be chosen
	Back      string               // the path of this page, after another language was chosen

	Made bool // the owner is signed in with the password that the bridge made

	Exposed, Warnings      []string
	SettingsError, Version string
}

func (c *Counter) frame(r *http.Request, s *session, title string, view any) frame {
	f := frame{
		Title: title, Now: time.Now(), View: view, Language: c.language(r), Languages: c.languages.All(), Back: "/",
		Exposed: c.config.Exposed, Warnings: c.config.Warnings, SettingsError: c.config.SettingsError, Version: c.config.Version,
	}
	f.Done = doneWords(f.Language, r.URL.Query().Get("done"))
	if s != nil {
		f.Clerk, f.Role, f.Owner = s.name, roleName(f.Language, s.role), s.isOwner()
		f.Made = f.Owner && c.config.Access.Plain(access.Owner)
	}
	if r.Method == http.MethodGet {
		f.Back = r.URL.RequestURI()
	}
	return f
}

// render writes a page, whole or not at all.
func (c *Counter) render(w http.ResponseWriter, status int, page string, f frame) {
	var b bytes.Buffer
	if err := c.pages[f.Language.Tag].ExecuteTemplate(&b, page, f); err != nil {
		c.log.Error("make page", "page", page, "error", err)
		http.Error(w, f.Language.Text("The page could not be made; the bridge's log says why."), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", f.Language.Tag)
	w.WriteHeader(status)
	if _, err := b.WriteTo(w); err != nil {
		c.log.Debug("send page", "page", page, "error", err)
	}
}

// problem answers with a page that says what is wrong and nothing else.
func (c *Counter) problem(w http.ResponseWriter, r *http.Request, s *session, status int, sentence template.HTML) {
	f := c.frame(r, s, c.language(r).Text("That did not work"), nil)
	f.Problem = sentence
	c.render(w, status, "problem", f)
}

// unreadable answers when the book could not be read.
func (c *Counter) unreadable(w http.ResponseWriter, r *http.Request, s *session, err error) {
	c.log.Error("read for the counter screen", "error", err)
	c.problem(w, r, s, http.StatusServiceUnavailable, c.language(r).HTML("The journal could not be read: {why} Load the page again in a moment.", "why", said(c.language(r), err)))
}

// serveStatic serves the style sheet, the script and the icon. The types are named here: what the system's
// own table says of them differs, on Windows above all.
func serveStatic(w http.ResponseWriter, r *http.Request) {
	name := mux.Vars(r)["file"]
	kind := map[string]string{
		"counter.css": "text/css; charset=utf-8",
		"counter.js":  "text/javascript; charset=utf-8",
		"icon.svg":    "image/svg+xml",
	}[name]
	if kind == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	http.ServeFileFS(w, r, staticFiles, "static/"+name)
}
