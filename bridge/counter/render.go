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
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

// parsePages reads the templates: every page with the frame around it.
func parsePages() (map[string]*template.Template, error) {
	base, err := template.New("base").Funcs(template.FuncMap{
		"when":     func(t time.Time) string { return when(t, time.Now()) },
		"stamp":    func(t time.Time) string { return t.Format(time.RFC3339) },
		"milli":    time.Time.UnixMilli,
		"sentence": asSentence,
		"since":    func(t time.Time) string { return span(time.Since(t)) },
		"indent":   func(columns int) string { return strings.Repeat(" ", min(max(columns, 0), 80)) },
		"query":    func(name, value string) template.URL { return template.URL(query(name, value)) },
	}).ParseFS(pageFiles, "pages/base.html", "pages/parts.html")
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	pages := map[string]*template.Template{}
	for _, name := range []string{"sign-in", "now", "alarm", "payments", "payment", "receipt", "question", "confirm", "problem"} {
		page, err := base.Clone()
		if err == nil {
			_, err = page.ParseFS(pageFiles, "pages/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("read template %s: %w", name, err)
		}
		pages[name] = page
	}
	return pages, nil
}

// query writes one parameter of a link.
func query(name, value string) string { return url.Values{name: {value}}.Encode() }

// frame is what stands around every page, and the page's own part in View.
type frame struct {
	Title   string
	Clerk   string // empty while nobody is signed in
	Section string // the entry of the navigation that is marked
	Live    string // the address that gives this page again; empty for a page that does not change by itself
	Refresh int    // seconds after which a browser without JavaScript loads Live again; 0 for never
	Now     time.Time
	Done    string // what was just done
	Problem string // what could not be done
	View    any

	Exposed, Warnings      []string
	SettingsError, Version string
}

func (c *Counter) frame(r *http.Request, s *session, title string, view any) frame {
	f := frame{
		Title: title, Now: time.Now(), Done: doneWords(r.URL.Query().Get("done")), View: view,
		Exposed: c.config.Exposed, Warnings: c.config.Warnings, SettingsError: c.config.SettingsError, Version: c.config.Version,
	}
	if s != nil {
		f.Clerk = s.name
	}
	return f
}

// render writes a page, whole or not at all.
func (c *Counter) render(w http.ResponseWriter, status int, page string, f frame) {
	var b bytes.Buffer
	if err := c.pages[page].ExecuteTemplate(&b, "base", f); err != nil {
		c.log.Error("make page", "page", page, "error", err)
		http.Error(w, "The page could not be made; the bridge's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if _, err := b.WriteTo(w); err != nil {
		c.log.Debug("send page", "page", page, "error", err)
	}
}

// problem answers with a page that says what is wrong and nothing else.
func (c *Counter) problem(w http.ResponseWriter, r *http.Request, s *session, status int, sentence string) {
	f := c.frame(r, s, http.StatusText(status), nil)
	f.Problem = sentence
	c.render(w, status, "problem", f)
}

// unreadable answers when the book could not be read.
func (c *Counter) unreadable(w http.ResponseWriter, r *http.Request, s *session, err error) {
	c.log.Error("read for the counter screen", "error", err)
	c.problem(w, r, s, http.StatusServiceUnavailable, "The journal could not be read: "+sentence(err)+" Load the page again in a moment.")
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
