package health

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"tillbridge/terminal/line"
)

// ErrSilent is wrapped by the error of a question where a file leads to a bridge that does not answer, or where
// something answers that does not know the bridge's key. It alone does not tell whether the bridge lives: who has the
// journal's lock does.
var ErrSilent = errors.New("the bridge does not answer")

const (
	fileMost   = 4 << 10  // bytes of the file
	answerMost = 64 << 20 // bytes; 64 terminals' traces are less
	askWithin  = 5 * time.Second
)

// Traced is the wire trace of one terminal, masked, oldest first.
type Traced struct {
	Terminal string       `json:"terminal"`
	Events   []line.Event `json:"events"`
}

// Ask asks the bridge that has a journal for its facts. The error wraps fs.ErrNotExist where no bridge tells of
// itself beside it, fs.ErrPermission where this user may not know, and ErrSilent where none answers.
func Ask(ctx context.Context, journal string) (f Facts, err error) {
	err = ask(ctx, journal, "health", &f)
	return f, err
}

// AskTrace asks for the wire trace that is kept in memory. The errors are those of Ask.
func AskTrace(ctx context.Context, journal string) (all []Traced, err error) {
	err = ask(ctx, journal, "trace", &all)
	return all, err
}

func ask(ctx context.Context, journal, what string, into any) error {
	a, key, err := way(FileName(journal))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var random [32]byte
	_, _ = rand.Read(random[:]) // it ends the process rather than fail
	nonce := hex.EncodeToString(random[:])
	scheme := "http://"
	if a.TLS {
		scheme = "https://"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+a.Address+Prefix+what, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSilent, err)
	}
	r.Host = "localhost" // a name that the counter screen always answers to
	r.Header.Set(nonceField, nonce)
	r.Header.Set(proofField, hex.EncodeToString(prove(key, "ask", what, nonce, nil)))
	// The proof in the answer tells whose it is, which a certificate made for other names could not. No proxy: it is
	// this computer.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrSilent, a.Address, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, answerMost))
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrSilent, a.Address, err)
	}
	proof, err := hex.DecodeString(res.Header.Get(proofField))
	if err != nil || !hmac.Equal(proof, prove(key, "answer", what, nonce, body)) {
		return fmt.Errorf("%w: something else is at %s (it answers %d)", ErrSilent, a.Address, res.StatusCode)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read what the bridge tells of itself: %w", err)
	}
	return nil
}

// way reads the file that leads to a door.
func way(path string) (a address, key []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return a, nil, fmt.Errorf("look for the bridge: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, fileMost))
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err == nil {
		key, err = hex.DecodeString(a.Key)
	}
	if err != nil || len(key) < 32 {
		return a, nil, fmt.Errorf("%w: %s is not as a bridge writes it", ErrSilent, path)
	}
	return a, key, nil
}

// Key is the secret in the file beside a journal, which must be in no text that leaves the computer; empty where it
// cannot be read.
func Key(journal string) string {
	a, _, err := way(FileName(journal))
	if err != nil {
		return ""
	}
	return a.Key
}
