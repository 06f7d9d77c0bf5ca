package config

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// hidden is what is shown of a secret.
const hidden = "[secret]"

// Secret is a text that is never shown: printing, logging and marshalling it give "[secret]". Compare and send
// what Reveal returns.
type Secret string

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Format writes "[secret]" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// String is "[secret]".
func (s Secret) String() string { return hidden }

// LogValue is "[secret]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText is "[secret]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// secretKey tells whether a key's value must not be shown: one of its words names a secret.
func secretKey(key string) bool {
	for _, word := range strings.FieldsFunc(strings.ToLower(key), func(r rune) bool { return r < 'a' || r > 'z' }) {
		switch strings.TrimSuffix(word, "s") {
		case "password", "passcode", "passphrase", "secret", "token", "pin", "key", "psk", "credential":
			return true
		}
	}
	return false
}
