package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillbridge/bridge"
	"tillbridge/bridge/access"
	"tillbridge/bridge/config"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/till"
)

func (p *program) resolveVerb(file *string) *cobra.Command {
	var approved, declined bool
	var who bridge.Person
	cmd := &cobra.Command{
		Use: "resolve UUID", Short: "settle a payment that is not known, by what a person found out", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Settles a payment on hold, after somebody looked at the terminal's own records or asked the bank. MGR is told\n" +
			"what you say here, and it cannot be taken back.",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case approved == declined:
				return usageError{errors.New("say what you found: either --approved or --declined")}
			case strings.TrimSpace(who.Name) == "" || strings.TrimSpace(who.Evidence) == "":
				return usageError{errors.New("--name and --evidence are needed: who settles it, and how it was checked")}
			}
			if err := p.resolve(cmd.Context(), p.settings(*file), args[0], approved, who); err != nil {
				return err
			}
			fmt.Fprintf(p.out, "Payment %s is settled. MGR will be told.\n", args[0])
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&approved, "approved", false, "the card was charged")
	f.BoolVar(&declined, "declined", false, "the card was not charged")
	f.StringVar(&who.Name, "name", "", "your name")
	f.StringVar(&who.Evidence, "evidence", "", "how it was checked, in your own words")
	f.StringVar(&who.AuthCode, "auth-code", "", "the authorisation code from the receipt")
	f.StringVar(&who.TxnRef, "txn-ref", "", "the reference from the receipt")
	return cmd
}

// resolve asks the running bridge, which alone may write the journal; where none runs, it writes itself.
func (p *program) resolve(ctx context.Context, s *config.Settings, uuid string, approved bool, who bridge.Person) error {
	j, err := journal.Open(ctx, s.Journal, journal.Options{})
	var held *journal.HeldError
	switch {
	case errors.As(err, &held):
		return p.askDaemon(ctx, s, uuid, approved, who)
	case err != nil:
		return err
	}
	desk, err := till.New(till.Config{
		QueueLimit: s.QueueLimit, Log: slog.New(slog.DiscardHandler),
		Hooks: till.Hooks{Notify: func() {}, Changed: func() {}, Alarm: func() {}}, // the next start of the bridge finds what is due
	}, j)
	if err == nil {
		err = desk.Resolve(ctx, uuid, approved, who)
	}
	return errors.Join(err, j.Close())
}

// askDaemon settles a payment through the counter screen's door.
func (p *program) askDaemon(ctx context.Context, s *config.Settings, uuid string, approved bool, who bridge.Person) error {
	password, err := p.counterPassword(s)
	if err != nil {
		return err
	}
	client, base, err := counterClient(s)
	if err != nil {
		return err
	}
	outcome := "declined"
	if approved {
		outcome = "approved"
	}
	body, err := json.Marshal(map[string]string{
		"outcome": outcome, "name": who.Name, "evidence": who.Evidence, "auth_code": who.AuthCode, "txn_ref": who.TxnRef,
	})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/api/v1/payments/"+url.PathEscape(uuid)+"/resolve", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.SetBasicAuth("tillbridge", password)
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("ask the running bridge on its counter address %s: %w", s.Counter, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNoContent {
		return nil
	}
	var said struct {
		Error string `json:"error"`
	}
	_ = json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&said) // without a sentence the status has to do
	if said.Error == "" {
		said.Error = answer.Status
	}
	return fmt.Errorf("the running bridge says: %s", said.Error)
}

// counterPassword is the password of the counter screen: TILLBRIDGE_COUNTER_PASSWORD, or what its file holds.
func (p *program) counterPassword(s *config.Settings) (string, error) {
	if v, ok := p.env.LookupEnv("TILLBRIDGE_COUNTER_PASSWORD"); ok {
		return v, nil
	}
	b, err := os.ReadFile(s.CounterPasswordFile)
	if err != nil {
		return "", fmt.Errorf("read the counter screen's password: %w", err)
	}
	password := strings.TrimSpace(string(b))
	if access.Hidden(password) {
		return "", errors.New("the counter screen's password was changed, and its file holds a digest from which it cannot be read: give the password in the environment as TILLBRIDGE_COUNTER_PASSWORD, or use the counter screen")
	}
	return password, nil
}

// counterClient speaks to the counter screen on this machine.
func counterClient(s *config.Settings) (*http.Client, string, error) {
	host, port, err := net.SplitHostPort(s.Counter)
	switch {
	case err != nil:
		return nil, "", err
	case port == "0":
		return nil, "", fmt.Errorf("the counter screen is on any free port (counter: %s), so that the running bridge cannot be found; use the screen itself", s.Counter)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	client := &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if s.TLS == nil {
		return client, "http://" + net.JoinHostPort(host, port), nil
	}
	pair, err := tls.LoadX509KeyPair(s.TLS.Cert, s.TLS.Key)
	if err != nil {
		return nil, "", fmt.Errorf("read our own certificate: %w", err)
	}
	// It is our own machine, and our own certificate is known to the byte, whatever name it was made for.
	client.Transport = &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: true,
		VerifyConnection: func(c tls.ConnectionState) error {
			if len(c.PeerCertificates) == 0 || !bytes.Equal(c.PeerCertificates[0].Raw, pair.Certificate[0]) {
				return errors.New("who answers there does not show our own certificate")
			}
			return nil
		},
	}}
	return client, "https://" + net.JoinHostPort(host, port), nil
}
