package counter

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// signInView is what the sign-in page shows.
type signInView struct {
	Name, Next, Error string
}

func (c *Counter) signInPage(w http.ResponseWriter, r *http.Request) {
	c.showSignIn(w, r, http.StatusOK, signInView{Next: localPath(r.URL.Query().Get("next"))})
}

func (c *Counter) showSignIn(w http.ResponseWriter, r *http.Request, status int, v signInView) {
	c.render(w, status, "sign-in", c.frame(r, nil, "Sign in", v))
}

func (c *Counter) signIn(w http.ResponseWriter, r *http.Request) {
	if !c.form(w, r, nil) {
		return
	}
	v := signInView{Name: tidy(r.PostForm.Get("name")), Next: localPath(r.PostForm.Get("next"))}
	if v.Error = nameError(v.Name); v.Error != "" {
		c.showSignIn(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	switch got := c.tryPassword(r, r.PostForm.Get("password")); {
	case got.wait > 0:
		v.Error = "Too many wrong passwords. Wait " + span(roundUp(got.wait)) + ", then try again."
		w.Header().Set("Retry-After", strconv.Itoa(int(roundUp(got.wait)/time.Second)))
		c.showSignIn(w, r, http.StatusTooManyRequests, v)
	case !got.right:
		v.Error = "This is not the password of the counter screen."
		c.showSignIn(w, r, http.StatusUnauthorized, v)
	default:
		if old := c.sessions.find(r); old != nil {
			c.sessions.end(old)
		}
		token, s := c.sessions.begin(v.Name, time.Now())
		setCookie(w, r, token)
		c.log.Info("signed in at the counter screen", "name", s.name, "source", source(r))
		http.Redirect(w, r, v.Next, http.StatusSeeOther)
	}
}

func (c *Counter) signOut(w http.ResponseWriter, r *http.Request, s *session) {
	c.sessions.end(s)
	setCookie(w, r, "")
	c.live.changed() // the streams of this session end now and not at their next heartbeat
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}

// nameError says what is wrong with the name of a person; empty when it is good.
func nameError(name string) string {
	switch {
	case name == "":
		return "Enter your name: it is kept with what you do."
	case len(name) > maxName:
		return "The name is too long."
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
