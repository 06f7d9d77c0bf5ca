package counter

import (
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tillbridge/bridge/access"
	"tillbridge/bridge/counter/language"
)

// signInView is what the sign-in page shows.
type signInView struct {
	Name, Next, Error string
}

func (c *Counter) signInPage(w http.ResponseWriter, r *http.Request) {
	v := signInView{Next: localPath(r.URL.Query().Get("next"))}
	if s := c.sessions.find(r); s != nil { // a clerk who signs in as the owner
		v.Name = s.name
	}
	c.showSignIn(w, r, http.StatusOK, v)
}

func (c *Counter) showSignIn(w http.ResponseWriter, r *http.Request, status int, v signInView) {
	f := c.frame(r, nil, c.language(r).Text("Sign in"), v)
	if r.Method != http.MethodGet {
		f.Back = "/sign-in?" + query("next", v.Next)
	}
	c.render(w, status, "sign-in", f)
}

func (c *Counter) signIn(w http.ResponseWriter, r *http.Request) {
	if !c.form(w, r, nil) {
		return
	}
	l := c.language(r)
	v := signInView{Name: tidy(r.PostForm.Get("name")), Next: localPath(r.PostForm.Get("next"))}
	if v.Error = nameError(l, v.Name); v.Error != "" {
		c.showSignIn(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	var token string
	got := c.tryPassword(r, r.PostForm.Get("password"), func(role access.Role) {
		token, _ = c.sessions.begin(v.Name, role, time.Now()) // here, so that a password that is being changed opens nothing any more
		c.log.Info("signed in at the counter screen", "name", v.Name, "role", role.String(), "source", source(r))
	})
	var status int
	if v.Error, status = passwordError(w, l, got, l.Text("This is not the password of the counter screen.")); v.Error != "" {
		c.showSignIn(w, r, status, v)
		return
	}
	if old := c.sessions.find(r); old != nil {
		c.sessions.end(old)
	}
	setCookie(w, r, token)
	http.Redirect(w, r, v.Next, http.StatusSeeOther)
}

func (c *Counter) signOut(w http.ResponseWriter, r *http.Request, s *session) {
	c.sessions.end(s)
	setCookie(w, r, "")
	c.live.changed() // the streams of this session end now and not at their next heartbeat
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}

// nameError says what is wrong with the name of a person; empty when it is good.
func nameError(l *language.Language, name string) string {
	switch {
	case name == "":
		return l.Text("Enter your name: it is kept with what you do.")
	case len(name) > maxName:
		return l.Text("The name is too long.")
	}
	return ""
}

// localPath is a path of this screen that was asked for, or the first page.
func localPath(asked string) string {
	u, err := url.Parse(asked)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(asked, "/") ||
		strings.HasPrefix(asked, "//") || strings.ContainsAny(asked, "\\\t\r\n") {
		return "/"
	}
	return asked
}

// roundUp makes a wait whole seconds, at least one.
func roundUp(d time.Duration) time.Duration {
	return time.Duration(math.Ceil(d.Seconds())) * time.Second
}
