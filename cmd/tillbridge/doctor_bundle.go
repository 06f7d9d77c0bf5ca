package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/config"
	"tillbridge/bridge/doctor"
	"tillbridge/bridge/health"
	"tillbridge/bridge/journal"
	"tillbridge/terminal"
)

// What goes into a bundle at most.
const (
	bundlePayments = 50      // the last ones
	bundleLog      = 2 << 20 // bytes of the end of a log file
	bundleLogs     = 10      // log files
	bundleLines    = 3000    // of the system's log
	secretMost     = 64 << 10
)

// wireLog keeps what a trace writes, bounded.
type wireLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *wireLog) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.text.Len()+len(b) <= bundleLog {
		w.text.Write(b)
	}
	return len(b), nil
}

func (w *wireLog) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// writeBundle writes the support bundle, readable to this user alone. After an error there is none.
func (p *program) writeBundle(ctx context.Context, e *examination, path string) (err error) {
	parts := p.bundleParts(ctx, e)
	if err := ended(ctx); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make the bundle: %w", err)
	}
	err = doctor.WriteBundle(f, e.at, "Support bundle of tillbridge "+versionText(), parts, e.shop.Redactor)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// secrets is everything that must be nowhere in a bundle.
func (p *program) secrets(e *examination) []string {
	var all []string
	if text, _, err := p.env.ReadFile(e.shop.File, settingsMost); err == nil {
		inside, files := doctor.SecretsIn(string(text))
		all = append(all, inside...)
		for _, f := range files {
			all = append(all, p.secretsOf(f), p.secretsOf(filepath.Join(filepath.Dir(e.shop.File), f)))
		}
	}
	s := e.shop.Settings
	all = append(all, s.MGR.Passcode.Reveal(), p.secretsOf(s.CounterPasswordFile), p.secretsOf(s.OwnerPasswordFile), p.secretsOf(s.APITokenFile), health.Key(s.Journal))
	if a := s.MGR.BasicAuth; a != nil {
		pair := a.Username + ":" + a.Password.Reveal()
		all = append(all, a.Password.Reveal(), pair, base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	if s.TLS != nil {
		all = append(all, p.secretsOf(s.TLS.Key))
	}
	all = append(all, alarmSecrets(s.Alarms)...)
	if v, ok := p.env.LookupEnv("TILLBRIDGE_PASSCODE"); ok {
		all = append(all, v)
	}
	var lines []string
	for _, text := range all {
		for l := range strings.Lines(text) {
			if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "-----") {
				lines = append(lines, l)
			}
		}
	}
	return lines
}

// alarmSecrets is what opens the ways by which alarms are told.
func alarmSecrets(a *config.Alarms) (all []string) {
	if a == nil {
		return nil
	}
	if w := a.Webhook; w != nil {
		all = append(all, w.URL.Reveal(), w.Token.Reveal())
	}
	if m := a.Email; m != nil {
		signIn := "\x00" + m.Username + "\x00" + m.Password.Reveal() // RFC 4616
		all = append(all, m.Password.Reveal(), base64.StdEncoding.EncodeToString([]byte(signIn)))
	}
	return all
}

// secretsOf is the content of a file that holds a secret; empty where there is none.
func (p *program) secretsOf(path string) string {
	b, _, err := p.env.ReadFile(path, secretMost)
	if err != nil {
		return ""
	}
	return string(b)
}

// bundleParts gathers what support wants to see.
func (p *program) bundleParts(ctx context.Context, e *examination) []doctor.Part {
	parts := []doctor.Part{
		{Name: "doctor.txt", What: "what doctor found", Text: e.text()},
		{Name: "doctor.json", What: "the same for programs", Text: doctor.JSON(e.json())},
		{Name: "system.txt", What: "the computer and its ports", Text: e.systemText(ctx)},
	}
	settings := doctor.Part{Name: "settings.yaml", What: "the settings file, only what tells no secret", Settings: true}
	text, _, err := p.env.ReadFile(e.shop.File, settingsMost)
	if settings.Text = string(text); err != nil {
		settings.Missing = err.Error()
	}
	parts = append(parts, settings)
	if e.shop.Wrong == nil {
		parts = append(parts, doctor.Part{Name: "settings-in-effect.yaml", What: "the settings with their defaults", Text: e.shop.Settings.String()})
	}
	parts = append(parts, journalParts(ctx, e.shop.Settings.Journal)...)
	parts = append(parts, bridgeParts(ctx, e.shop.Settings.Journal)...)
	trace := doctor.Part{Name: "trace.txt", What: "what passed over the line while doctor asked, masked", Text: e.trace.String()}
	if trace.Text == "" {
		trace.Missing = "no terminal was asked"
	}
	return append(append(parts, trace), e.logParts(ctx)...)
}

// bridgeParts are what the running bridge tells of itself, and the wire trace that it keeps.
func bridgeParts(ctx context.Context, path string) []doctor.Part {
	told := doctor.Part{Name: "bridge.json", What: "what the running bridge tells of itself"}
	f, err := health.Ask(ctx, path)
	if err != nil {
		told.Missing = "no bridge tells of itself: " + err.Error()
		return []doctor.Part{told}
	}
	told.Text = doctor.JSON(f)
	all, err := health.AskTrace(ctx, path)
	if err != nil {
		return []doctor.Part{told, {Name: "wire", What: "what passed over the lines last", Missing: err.Error()}}
	}
	parts := []doctor.Part{told}
	for _, t := range all {
		var b strings.Builder
		for _, e := range t.Events {
			b.WriteString(e.At.Format("2006-01-02 ") + e.String() + "\n")
		}
		part := doctor.Part{Name: "wire/" + t.Terminal + ".txt", What: "what passed last over the line to " + t.Terminal + ", masked", Text: b.String()}
		if part.Text == "" {
			part.Missing = "nothing has passed since the bridge started"
		}
		parts = append(parts, part)
	}
	return parts
}

func (e *examination) systemText(ctx context.Context) string {
	var b strings.Builder
	zone, offset := e.at.Zone()
	fmt.Fprintf(&b, "tillbridge %s\n%s, %s/%s, %d processors\ntime %s, zone %s %+d min\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), e.at.Format(time.RFC3339), zone, offset/60)
	for _, f := range []string{"/etc/os-release", "/proc/version"} {
		if text, err := e.system.ReadFile(f, 4<<10); err == nil {
			b.WriteString(string(text))
		}
	}
	if runtime.GOOS == "windows" {
		if out, _, err := e.system.Run(ctx, "cmd", "/c", "ver"); err == nil {
			b.WriteString(strings.TrimSpace(out) + "\n")
		}
	}
	ports, err := e.system.Ports(ctx)
	if err != nil {
		fmt.Fprintf(&b, "\nThe ports cannot be listed: %v\n", err)
		return b.String()
	}
	shown := survey(ports, nil)
	fmt.Fprintf(&b, "\nPorts:\n%s", doctor.JSON(shown.json().Ports))
	return b.String()
}

// bundledPayment is a payment with all that the journal has of it.
type bundledPayment struct {
	bridge.Facts
	Receipts []terminal.Receipt `json:"receipts,omitempty"`
}

// journalParts reads the last payments, what MGR is owed, and the alarms.
func journalParts(ctx context.Context, path string) []doctor.Part {
	payments := doctor.Part{Name: "payments.json", What: "the last payments with their stories and receipts"}
	alarms := doctor.Part{Name: "alarms.json", What: "the alarms that stand"}
	owed := doctor.Part{Name: "owed.json", What: "the outcomes that MGR does not have yet"}
	r, err := journal.OpenReadOnly(path)
	if err != nil {
		payments.Missing = err.Error()
		return []doctor.Part{payments}
	}
	defer r.Close()
	if list, err := lastPayments(ctx, r); err != nil {
		payments.Missing = err.Error()
	} else {
		payments.Text = doctor.JSON(list)
	}
	if list, err := r.Alarms(ctx); err != nil {
		alarms.Missing = err.Error()
	} else {
		alarms.Text = doctor.JSON(list)
	}
	if list, err := r.Due(ctx, time.Now().Add(23*time.Hour), bundlePayments); err != nil {
		owed.Missing = err.Error()
	} else {
		owed.Text = doctor.JSON(list)
	}
	return []doctor.Part{payments, alarms, owed}
}

func lastPayments(ctx context.Context, r *journal.Reader) ([]bundledPayment, error) {
	list, err := r.List(ctx, journal.Filter{Limit: bundlePayments})
	if err != nil {
		return nil, err
	}
	all := []bundledPayment{}
	for _, l := range list {
		one := bundledPayment{Facts: l.Facts()}
		story, err := r.Story(ctx, l.UUID)
		if err != nil {
			return nil, err
		}
		for _, s := range story {
			one.Story = append(one.Story, bridge.StepOf(s.At, s.Event, s.State))
		}
		if one.Receipts, err = r.Receipts(ctx, l.UUID); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// logParts gathers the system's log of the service, the log files beside the journal and those that were named.
func (e *examination) logParts(ctx context.Context) []doctor.Part {
	var parts []doctor.Part
	if runtime.GOOS == "linux" {
		part := doctor.Part{Name: "log/journalctl.txt", What: "the service's log"}
		out, code, err := e.system.Run(ctx, "journalctl", "-u", "tillbridge", "-n", fmt.Sprint(bundleLines), "--no-pager", "-o", "short-iso")
		part.Text = out
		if err != nil || code != 0 {
			part.Missing = fmt.Sprintf("journalctl does not tell (code %d, %v)", code, err)
		}
		parts = append(parts, part)
	}
	beside, _ := e.system.Glob(filepath.Join(filepath.Dir(e.shop.Settings.Journal), "*.log")) // the pattern is right
	files := slices.Concat(e.logs, beside)
	for i, f := range files[:min(len(files), bundleLogs)] {
		part := doctor.Part{Name: fmt.Sprintf("log/%d.txt", i+1), What: "the end of " + f}
		text, err := readEnd(f, bundleLog)
		if part.Text = text; err != nil {
			part.Missing = err.Error()
		}
		parts = append(parts, part)
	}
	return parts
}

// readEnd reads the end of a file, from the beginning of a line on.
func readEnd(path string, most int64) (string, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New(path + " is not a regular file")
	}
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	from := max(0, info.Size()-most)
	b, err := io.ReadAll(io.NewSectionReader(f, from, most))
	if err != nil {
		return "", err
	}
	text := string(b)
	if from > 0 {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text, nil
}
