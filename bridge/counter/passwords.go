package counter

import (
	"errors"
	"html/template"
	"net/http"

	"tillbridge/bridge/access"
	"tillbridge/bridge/counter/language"
)

// passwordsView is the page on which the owner changes a password. It never shows one.
type passwordsView struct {
	Role   string // whose password is to be changed, as the form sends it
	Least  int    // characters that a password needs
	OfRole string // what is wrong with the role
	OfOld  string // what is wrong with the owner's own password
	OfNew  string // what is wrong with the new one
}

func (c *Counter) passwords(w http.ResponseWriter, r *http.Request, s *session) {
	c.showPasswords(w, r, s, http.StatusOK, "", passwordsView{Role: access.Clerk.String()})
}

func (c *Counter) showPasswords(w http.ResponseWriter, r *http.Request, s *session, status int, problem template.HTML, v passwordsView) {
	v.Least = access.LeastCharacters
	f := c.frame(r, s, c.language(r).Text("Passwords"), v)
	f.Section, f.Back, f.Problem = "settings", "/passwords", problem
	c.render(w, status, "passwords", f)
}

// changePassword gives a role another password, against the owner's present one. Whoever else is signed in by the old one has to sign
// in again.
func (c *Counter) changePassword(w http.ResponseWriter, r *http.Request, s *session) {
	if !c.form(w, r, s) {
		return
	}
	l := c.language(r)
	v := passwordsView{Role: r.PostForm.Get("role")}
	role := access.Nobody
	for _, one := range []access.Role{access.Clerk, access.Owner} {
		if one.String() == v.Role {
			role = one
		}
	}
	next := r.PostForm.Get("new")
	switch {
	case role == access.Nobody:
		v.OfRole = l.Text("Choose one of the two.")
	case next != r.PostForm.Get("again"):
		v.OfNew = l.Text("The two are not the same. Type the new password twice.")
	}
	if v.OfRole+v.OfNew != "" {
		c.showPasswords(w, r, s, http.StatusUnprocessableEntity, unchangedWords(l), v)
		return
	}
	var changed error
	got := c.tryOwner(r, func() {
		if changed = c.config.Access.Change(role, next); changed == nil {
			c.sessions.endOthers(role, s)
		}
	})
	var status int
	if v.OfOld, status = passwordError(w, l, got, l.Text("This is not the owner's password.")); v.OfOld != "" {
		c.showPasswords(w, r, s, status, unchangedWords(l), v)
		return
	}
	if changed != nil {
		c.refusePassword(w, r, s, v, changed)
		return
	}
	c.log.Info("password changed at the counter screen", "for", role.String(), "name", s.name, "role", s.role.String(), "source", source(r))
	c.live.changed() // the streams of the sessions that ended end now
	http.Redirect(w, r, "/passwords?done=password", http.StatusSeeOther)
}

// refusePassword says why a new password was not taken.
func (c *Counter) refusePassword(w http.ResponseWriter, r *http.Request, s *session, v passwordsView, err error) {
	l := c.language(r)
	switch {
	case errors.Is(err, access.ErrShort):
		v.OfNew = l.Text("A password needs {n} characters.", "n", access.LeastCharacters)
	case errors.Is(err, access.ErrLong):
		v.OfNew = l.Text("This password is too long.")
	case errors.Is(err, access.ErrSame):
		v.OfNew = l.Text("This is the password of the other role: each needs one of its own.")
	default:
		c.log.Error("change a password at the counter screen", "for", v.Role, "name", s.name, "error", err)
		c.showPasswords(w, r, s, http.StatusInternalServerError, l.HTML("The password was not changed: {why}", "why", said(l, err)), v)
		return
	}
	c.showPasswords(w, r, s, http.StatusUnprocessableEntity, unchangedWords(l), v)
}

func unchangedWords(l *language.Language) template.HTML {
	return l.HTML("The password was not changed: look at the form again.")
}
