package counter

import "net/http"

// settingsView is what the owner may read of the settings.
type settingsView struct{ Settings, Journal, LogFile string }

// settings shows what is in effect. It changes nothing: that is done in the file.
func (c *Counter) settings(w http.ResponseWriter, r *http.Request, s *session) {
	f := c.frame(r, s, c.language(r).Text("Settings"), settingsView{c.config.Settings, c.config.Journal, c.config.LogFile})
	f.Section = "settings"
	c.render(w, http.StatusOK, "settings", f)
}
