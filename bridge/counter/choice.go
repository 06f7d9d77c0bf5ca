package counter

import (
	"net/http"
	"time"

	"tillbridge/bridge/counter/language"
)

const (
	languageCookie = "tillbridge_language"
	languageLife   = 365 * 24 * time.Hour
)

// language is the language of a request: the one that was chosen in this browser, else the one that the browser likes
// best.
func (c *Counter) language(r *http.Request) *language.Language {
	if cookie, err := r.Cookie(languageCookie); err == nil {
		if l := c.languages.Find(cookie.Value); l != nil {
			return l
		}
	}
	return c.languages.Accept(r.Header.Get("Accept-Language"))
}

// chooseLanguage keeps a choice in the browser, for who is signed in and for who is not yet.
func (c *Counter) chooseLanguage(w http.ResponseWriter, r *http.Request) {
	s := c.sessions.find(r)
	if !c.form(w, r, s) {
		return
	}
	l := c.languages.Find(r.PostForm.Get("language"))
	if l == nil {
		c.problem(w, r, s, http.StatusBadRequest, c.language(r).HTML("There is no such language."))
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: languageCookie, Value: l.Tag, Path: "/", MaxAge: int(languageLife / time.Second),
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, localPath(r.PostForm.Get("next")), http.StatusSeeOther)
}
