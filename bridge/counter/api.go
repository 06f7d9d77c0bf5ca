package counter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/gorilla/mux"

	"tillbridge/bridge"
)

// apiResolve settles a payment for the command line, which asks for its own confirmation. Basic
// authentication with the clerk's or the owner's password; the user name does not count.
//
// 204 settled · 400 not the JSON that is meant · 401, 429 the password · 404 no such payment · 409 the
// payment is not one to be settled · 413 too large · 415 not JSON · 422 something is missing · 500 not certain
// that it was recorded · 503 the journal cannot be read. All but 204 carry {"error": "a sentence"}.
func (c *Counter) apiResolve(w http.ResponseWriter, r *http.Request) {
	if !c.apiAdmit(w, r) {
		return
	}
	uuid, err := url.PathUnescape(mux.Vars(r)["uuid"])
	if err != nil {
		apiError(w, http.StatusNotFound, "There is no payment with this number.")
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		apiError(w, http.StatusUnsupportedMediaType, "The body must be application/json.")
		return
	}
	got, err := strictStrings(r.Body, "outcome", "name", "evidence", "auth_code", "txn_ref")
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		apiError(w, http.StatusRequestEntityTooLarge, "The body is too large.")
		return
	case err != nil:
		apiError(w, http.StatusBadRequest, sentence(err))
		return
	case got["outcome"] != "approved" && got["outcome"] != "declined":
		apiError(w, http.StatusUnprocessableEntity, `The outcome must be "approved" or "declined".`)
		return
	}
	c.apiSettle(w, r, uuid, got["outcome"] == "approved", bridge.Person{
		Name: tidy(got["name"]), Evidence: tidy(got["evidence"]), AuthCode: tidy(got["auth_code"]), TxnRef: tidy(got["txn_ref"]),
	})
}

// apiAdmit checks the password; false when the request was answered.
func (c *Counter) apiAdmit(w http.ResponseWriter, r *http.Request) bool {
	var got verdict
	if _, password, sent := r.BasicAuth(); sent {
		got = c.tryPassword(r, password, nil)
	}
	return c.apiVerdict(w, got, `Basic realm="tillbridge counter", charset="UTF-8"`, "This needs the password of the counter screen.")
}

// apiVerdict answers a request that showed no secret, or a wrong one; true when it showed the right one.
func (c *Counter) apiVerdict(w http.ResponseWriter, got verdict, challenge, needs string) bool {
	switch {
	case got.wait > 0:
		retryAfter(w, got)
		apiError(w, http.StatusTooManyRequests, "Too many wrong passwords. Wait "+c.languages.English().Span(roundUp(got.wait))+", then try again.")
	case !got.right:
		w.Header().Set("WWW-Authenticate", challenge)
		apiError(w, http.StatusUnauthorized, needs)
	}
	return got.right
}

func (c *Counter) apiSettle(w http.ResponseWriter, r *http.Request, uuid string, approved bool, who bridge.Person) {
	p, ok, err := c.book.Payment(r.Context(), uuid)
	switch {
	case err != nil:
		c.log.Error("read for the command line", "error", err)
		apiError(w, http.StatusServiceUnavailable, "The journal could not be read: "+sentence(err))
		return
	case !ok:
		apiError(w, http.StatusNotFound, "There is no payment with this number.")
		return
	case len(who.Name) > maxName || len(who.Evidence) > maxEvidence || len(who.AuthCode) > maxAuthCode || len(who.TxnRef) > maxTxnRef:
		apiError(w, http.StatusUnprocessableEntity, fmt.Sprintf("Too long: the most is %d bytes for the name, %d for the evidence, %d for the code and %d for the reference.",
			maxName, maxEvidence, maxAuthCode, maxTxnRef))
		return
	}
	err = c.desk.Resolve(r.Context(), uuid, approved, who)
	if why, refused := refusal(err); refused {
		status := http.StatusUnprocessableEntity
		if !p.State.NotKnown() {
			status = http.StatusConflict
		}
		apiError(w, status, why)
		return
	}
	if err != nil {
		c.log.Error("settle a payment for the command line", "uuid", uuid, "name", who.Name, "error", err)
		apiError(w, http.StatusInternalServerError, "It is not certain that this was recorded: "+sentence(err))
		return
	}
	c.log.Info("payment settled by the command line", "uuid", uuid, "approved", approved, "name", who.Name)
	w.WriteHeader(http.StatusNoContent)
}

func apiError(w http.ResponseWriter, status int, sentence string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that has gone needs no answer.
	_ = json.NewEncoder(w).Encode(map[string]string{"error": sentence})
}

// strictStrings reads one JSON object of strings. Keys that are not among the names, keys that come twice,
// other values and anything after the object are refused: settling money is no place for guesses.
func strictStrings(r io.Reader, names ...string) (map[string]string, error) {
	d := json.NewDecoder(r)
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(err, errors.New("the body is not a JSON object"))
	}
	got := map[string]string{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read the body: %w", err)
		}
		name, _ := key.(string)
		value, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read the body: %w", err)
		}
		text, isText := value.(string)
		_, twice := got[name]
		known := false
		for _, n := range names {
			known = known || n == name
		}
		switch {
		case !known:
			return nil, fmt.Errorf("the key %q is not known", clip(name))
		case twice:
			return nil, fmt.Errorf("the key %q comes twice", name)
		case !isText:
			return nil, fmt.Errorf("the value of %q is not a text", name)
		}
		got[name] = text
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, errors.New("something follows the JSON object"))
	}
	return got, nil
}
