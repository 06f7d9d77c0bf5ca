package config

import (
	"encoding"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"time"
)

// String is the settings as they are in effect, defaults included, for support: in the form of the file, with
// every secret as "[secret]". It is for reading; paths of secrets are in it, their contents are not.
func (s Settings) String() string {
	var b strings.Builder
	line := func(indent int, key, format string, args ...any) {
		b.WriteString(strings.Repeat("  ", indent) + key + ":")
		if format != "" {
			b.WriteString(" " + fmt.Sprintf(format, args...))
		}
		b.WriteByte('\n')
	}
	line(0, "listen", "%s", s.Listen)
	line(0, "counter", "%s", s.Counter)
	line(0, "journal", "%s", s.Journal)
	line(0, "counter_password_file", "%s", s.CounterPasswordFile)
	line(0, "queue_limit", "%s", s.QueueLimit)
	line(0, "log_level", "%s", strings.ToLower(s.LogLevel.String()))
	line(0, "insecure_lan", "%t", s.InsecureLAN)
	line(0, "allowed_hosts", "[%s]", strings.Join(s.AllowedHosts, ", "))
	if s.TLS != nil {
		line(0, "tls", "{cert: %s, key: %s}", s.TLS.Cert, s.TLS.Key)
	}
	line(0, "mgr", "")
	line(1, "passcode", "%s # from %s", s.MGR.Passcode, s.MGR.PasscodeFrom)
	if a := s.MGR.BasicAuth; a != nil {
		line(1, "basic_auth", "{username: %s, password: %s}", a.Username, a.Password)
	}
	notify, query, _ := strings.Cut(s.MGR.NotifyURL, "?")
	if query != "" {
		notify += "?" + hidden
	}
	line(1, "notify_url", "%s", notify)
	line(1, "allowed_origins", "[%s]", strings.Join(s.MGR.AllowedOrigins, ", "))
	if s.Alarms != nil {
		s.Alarms.dump(line)
	}
	line(0, "terminals", "")
	for _, t := range s.Terminals {
		line(1, t.Name, "")
		line(2, "driver", "%s", t.Driver)
		if p := t.Port; p.TCP != "" {
			line(2, "port", "%s", p.network())
		} else if p != (Port{}) {
			line(2, "port", "{%s, baud: %d, data_bits: %d, parity: %s, stop_bits: %s}", p.device(), p.Baud, p.DataBits, p.Parity, p.StopBits)
		}
		line(2, "currency", "%s", t.Currency.Code)
		line(2, "amount_unit", "%s", t.AmountUnit)
		if t.MaxAmount.Minor > 0 {
			line(2, "max_amount", "%q", t.MaxAmount.Decimal())
		}
		if t.DayEnd != nil {
			line(2, "day_end", "%q", t.DayEnd)
		}
		if t.Look != "" {
			line(2, "look", "%q", t.Look)
		}
		if t.Options != nil {
			line(2, "options", "%s", flow(reflect.ValueOf(t.Options), false))
		}
	}
	return b.String()
}

// dump writes the block with line.
func (a *Alarms) dump(line func(indent int, key, format string, args ...any)) {
	line(0, "alarms", "")
	if a.Shop != "" {
		line(1, "shop", "%s", a.Shop)
	}
	if w := a.Webhook; w != nil {
		scheme, rest, _ := strings.Cut(w.URL.Reveal(), "://")
		host, _, _ := strings.Cut(rest, "/")
		host, _, _ = strings.Cut(host, "?")
		token := ""
		if w.Token != "" {
			token = ", token: " + hidden
		}
		line(1, "webhook", "{url: %s://%s/%s%s}", scheme, host, hidden, token)
	}
	if m := a.Email; m != nil {
		auth := ""
		if m.Username != "" {
			auth = fmt.Sprintf(", username: %s, password: %s", m.Username, m.Password)
		}
		line(1, "email", "{smtp: %q, tls: %s, from: %s, to: [%s]%s}", m.SMTP, m.TLS, m.From, strings.Join(m.To, ", "), auth)
	}
}

// network is a line in the network, in the form of the file.
func (p Port) network() string {
	switch {
	case p.Listen && p.Allow != "":
		return fmt.Sprintf("{listen: %q, allow: %q}", p.TCP, p.Allow)
	case p.Listen:
		return fmt.Sprintf("{listen: %q}", p.TCP)
	}
	return fmt.Sprintf("{tcp: %q}", p.TCP)
}

// device is what names the device of a serial port, in the form of the file.
func (p Port) device() string {
	switch {
	case p.Serial != "":
		return "serial: " + p.Serial
	case p.SerialNumber != "":
		return fmt.Sprintf("usb: %q, serial_number: %q", p.USB, p.SerialNumber)
	case p.USBPath != "":
		return fmt.Sprintf("usb: %q, usb_path: %q", p.USB, p.USBPath)
	}
	return fmt.Sprintf("usb: %q", p.USB)
}

// LogValue is String.
func (s Settings) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String is the terminal's name and line. The options, which may hold secrets, are left out.
func (t Terminal) String() string {
	return fmt.Sprintf("%s (%s, %s, %s)", t.Name, t.Driver, t.Port, t.Currency.Code)
}

// LogValue is String.
func (t Terminal) LogValue() slog.Value { return slog.StringValue(t.String()) }

// flow writes an option's value on one line.
func flow(v reflect.Value, secret bool) string {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return "null"
		}
		v = v.Elem()
	}
	if secret {
		return hidden
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		return time.Duration(v.Int()).String()
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		if text, err := m.MarshalText(); err == nil {
			if len(text) == 0 {
				return `""`
			}
			return string(text)
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		return "{" + strings.Join(flowFields(v), ", ") + "}"
	case reflect.Slice:
		var items []string
		for i := range v.Len() {
			items = append(items, flow(v.Index(i), false))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Map:
		var items []string
		for _, k := range v.MapKeys() {
			items = append(items, fmt.Sprintf("%s: %s", k, flow(v.MapIndex(k), secretKey(k.String()))))
		}
		slices.Sort(items)
		return "{" + strings.Join(items, ", ") + "}"
	case reflect.String:
		return fmt.Sprintf("%q", v.String())
	}
	return fmt.Sprint(v.Interface())
}

func flowFields(v reflect.Value) []string {
	var parts []string
	for _, f := range structFields(v.Type()) {
		if f.inline {
			parts = append(parts, flowFields(v.Field(f.index))...)
			continue
		}
		parts = append(parts, f.key+": "+flow(v.Field(f.index), secretKey(f.key)))
	}
	return parts
}
