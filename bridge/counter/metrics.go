package counter

import (
	"fmt"
	"net/http"

	"github.com/VictoriaMetrics/metrics"

	"tillbridge/bridge/health"
)

// metrics tells how everything is as Prometheus reads it. What cannot be read is left out, so that it looks like a gap
// and not like nothing.
func (c *Counter) metrics(w http.ResponseWriter, r *http.Request) {
	v := c.look(r.Context(), c.languages.English())
	all := metrics.NewSet()
	gauge := func(value float64, name string, labels ...any) {
		all.NewGauge(fmt.Sprintf("tillbridge_"+name, labels...), func() float64 { return value })
	}
	counter := func(value int64, name string, labels ...any) {
		all.NewCounter(fmt.Sprintf("tillbridge_"+name, labels...)).Set(uint64(max(0, value)))
	}
	yes := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	gauge(1, "build_info{version=%q}", c.config.Version)
	gauge(yes(v.Well), "well")
	gauge(yes(c.config.SettingsError == ""), "settings_usable")
	gauge(yes(v.Unread == ""), "journal_readable")
	if v.Unread == "" {
		gauge(float64(len(v.Holds)), "payments_not_known")
		gauge(float64(len(v.Alarms)), "alarms")
		gauge(float64(v.Owed), "notices_undelivered")
	}
	for _, l := range c.lines() {
		for _, s := range health.States() {
			gauge(yes(l.State == s), "terminal_state{terminal=%q,state=%q}", l.Name, string(s))
		}
		q := l.Quality
		counter(q.Opened, "line_opened_total{terminal=%q}", l.Name)
		counter(q.Messages, "line_messages_total{terminal=%q}", l.Name)
		for _, trouble := range []struct {
			kind string
			n    int64
		}{{"bad_check", q.BadChecks}, {"refused", q.Refused}, {"sent_again", q.SentAgain}, {"came_again", q.CameAgain}} {
			counter(trouble.n, "line_trouble_total{terminal=%q,kind=%q}", l.Name, trouble.kind)
		}
		if q.Answer > 0 {
			gauge(q.Answer.Seconds(), "line_answer_seconds{terminal=%q}", l.Name)
		}
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	all.WritePrometheus(w)
}
