package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

const (
	maxBody    = 16 << 10
	bodyWithin = 10 * time.Second
	maxID      = 64 // characters of a uuid
)

// readBody reads the body of a call, checked in everything but its content.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *problem) {
	if !isJSON(r.Header) {
		return nil, &problem{status: http.StatusUnsupportedMediaType, detail: "MGR's request must be application/json in UTF-8. Nothing was charged."}
	}
	if r.ContentLength > maxBody {
		return nil, tooLarge()
	}
	// Where the connection knows no deadlines, the server's own bounds hold.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyWithin))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &problem{status: http.StatusRequestTimeout, detail: "MGR's request did not arrive in time. Nothing was charged; try again."}
	case err != nil:
		return nil, &problem{status: http.StatusBadRequest, detail: "MGR's request broke off. Nothing was charged; try again."}
	}
	return body, nil
}

func tooLarge() *problem {
	return &problem{status: http.StatusRequestEntityTooLarge, detail: "MGR's request is larger than 16 KiB, which no payment is. Nothing was charged."}
}

// isJSON tells whether the headers say one application/json in UTF-8, not compressed.
func isJSON(h http.Header) bool {
	types := h.Values("Content-Type")
	if len(types) != 1 || h.Get("Content-Encoding") != "" {
		return false
	}
	kind, params, err := mime.ParseMediaType(types[0])
	if err != nil || kind != "application/json" {
		return false
	}
	for key, value := range params {
		if key != "charset" || !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	return true
}

// readOrder reads MGR's order strictly. Fields that we do not know are ignored, since MGR may add some. An error
// names the field and never quotes the body.
func readOrder(body []byte, t Terminal) (bridge.Order, error) {
	fields, err := readFields(body)
	if err != nil {
		return bridge.Order{}, err
	}
	var o bridge.Order
	if o.UUID, err = readID(fields["payment_uuid"]); err != nil {
		return bridge.Order{}, fmt.Errorf("payment_uuid %w", err)
	}
	// A walk-in customer is nobody: MGR may leave the field out, empty, or null.
	if c := fields["customer_uuid"]; c != nil && string(c) != "null" && string(c) != `""` {
		if o.Customer, err = readID(c); err != nil {
			return bridge.Order{}, fmt.Errorf("customer_uuid %w", err)
		}
	}
	if o.Amount, err = readAmount(fields["amount"], t); err != nil {
		return bridge.Order{}, fmt.Errorf("amount %w", err)
	}
	return o, nil
}

// readFields takes one JSON object apart into the raw values of its fields.
func readFields(body []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("it is not UTF-8")
	}
	malformed := errors.New("it is not one JSON object and nothing else")
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, malformed
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, malformed
		}
		name, _ := token.(string) // a name is what the decoder allows here
		known, err := spelt(name)
		if err != nil {
			return nil, err
		}
		if _, twice := fields[name]; twice {
			if !known {
				name = "a field"
			}
			return nil, fmt.Errorf("%s is there twice", name)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, malformed
		}
		fields[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, malformed
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed
	}
	return fields, nil
}

// spelt tells whether a field is one of ours, and refuses one that is so only in other capitals.
func spelt(name string) (known bool, err error) {
	for _, ours := range [...]string{"amount", "customer_uuid", "payment_uuid"} {
		if name == ours {
			return true, nil
		}
		if strings.EqualFold(name, ours) {
			return false, fmt.Errorf("%s is written in other letters; it must be exactly so", ours)
		}
	}
	return false, nil
}

// readID reads an identifier of MGR: 1 to 64 printable ASCII characters, compared exactly ever after.
func readID(raw json.RawMessage) (string, error) {
	if raw == nil {
		return "", errors.New("is missing")
	}
	if raw[0] != '"' {
		return "", errors.New("must be a text")
	}
	id := text(raw)
	if id == "" || len(id) > maxID {
		return "", fmt.Errorf("must have 1 to %d characters", maxID)
	}
	for _, c := range []byte(id) {
		if c < '!' || c > '~' {
			return "", errors.New("must be printable ASCII without blanks")
		}
	}
	return id, nil
}

// readAmount reads a number or a text by its decimal digits as they were sent; no float is ever made of it.
func readAmount(raw json.RawMessage, t Terminal) (terminal.Amount, error) {
	if raw == nil {
		return terminal.Amount{}, errors.New("is missing")
	}
	digits := string(raw)
	switch c := raw[0]; {
	case c == '"':
		digits = text(raw)
	case c != '-' && (c < '0' || c > '9'):
		return terminal.Amount{}, errors.New("must be a number or a text")
	}
	var a terminal.Amount
	var err error
	switch {
	case !t.MinorUnits:
		a, err = terminal.ParseAmount(digits, t.Currency)
	case len(digits) > 1 && digits[0] == '0':
		return a, errors.New("cannot be charged: a leading zero is ambiguous")
	default:
		a, err = terminal.ParseMinor(digits, "", t.Currency)
	}
	if err != nil {
		wrong := &terminal.AmountError{Reason: "it is not an amount"}
		errors.As(err, &wrong) // its reason does not quote what was sent
		return terminal.Amount{}, fmt.Errorf("cannot be charged: %s", wrong.Reason)
	}
	return a, nil
}

// text is the text of a valid JSON string.
func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}
