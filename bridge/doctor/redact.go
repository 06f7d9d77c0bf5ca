package doctor

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"tillbridge/terminal"
)

// hidden stands for what is left out.
const hidden = "[left out]"

// shortestSecret is the fewest characters of a secret that is looked for everywhere: a shorter one is in every text.
const shortestSecret = 4

// Redactor takes secrets and card numbers out of texts. What it is told to be secret is found in every writing that
// is usual; keys, passwords and card numbers that it was not told are found by how they look.
type Redactor struct {
	secrets *strings.Replacer
	digits  []string // secrets of digits alone, which are found as whole numbers only
}

// NewRedactor makes a redactor of these secrets.
func NewRedactor(secrets ...string) *Redactor {
	r := &Redactor{}
	var forms []string
	add := func(s string) {
		if len(s) >= shortestSecret && !slices.Contains(forms, s) {
			forms = append(forms, s)
		}
	}
	for _, s := range secrets {
		s = strings.TrimSpace(s)
		if len(s) < shortestSecret {
			continue
		}
		quoted, _ := json.Marshal(s) // a text: it cannot fail
		b64 := base64.StdEncoding.EncodeToString([]byte(s))
		if strings.Trim(s, "0123456789") == "" {
			r.digits = append(r.digits, s)
		} else {
			add(s)
			add(strings.ToLower(s))
			add(strings.ToUpper(s))
		}
		add(string(quoted[1 : len(quoted)-1]))
		add(url.QueryEscape(s))
		add(url.PathEscape(s))
		add(b64)
		add(strings.TrimRight(b64, "="))
		add(base64.URLEncoding.EncodeToString([]byte(s)))
		add(hex.EncodeToString([]byte(s)))
		add(strings.ToUpper(hex.EncodeToString([]byte(s))))
	}
	// The digits' own form must not be replaced inside of other numbers.
	forms = slices.DeleteFunc(forms, func(f string) bool { return slices.Contains(r.digits, f) })
	// The longest first: a secret may be a part of another.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, f := range forms {
		pairs = append(pairs, f, hidden)
	}
	r.secrets = strings.NewReplacer(pairs...)
	return r
}

// The looks of secrets.
var (
	pemBlock   = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`)
	pemLost    = regexp.MustCompile(`(?m)^[ \t]*[A-Za-z0-9+/]{64}[ \t]*$`) // a line of a key whose beginning is missing
	headerLine = regexp.MustCompile(`(?i)((?:proxy-)?authorization|x-mgr-passcode|cookie|set-cookie)(["'\]]*\s*[:=]\s*\[?)[^\r\n]*`)
	basicWord  = regexp.MustCompile(`(?i)\b(basic|bearer)\s+[A-Za-z0-9+/_.~-]{6,}=*`)
	userInfo   = regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^/\s"'@]*@`)
	webQuery   = regexp.MustCompile(`(https?://[^\s"'?]+\?)[^\s"']+`)
	keyValue   = regexp.MustCompile(`(?i)([a-z0-9_.-]*(?:pass(?:word|code|phrase|wort)|kennwort|secret|token|credential|private_?key|api_?key|\bpin\b|\bpsk\b|cvv|cvc)[a-z0-9_.-]*)(["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'[^']*'|\[?[^\s,;}\]]+)`)
)

// Text is the text without secrets and card numbers.
func (r *Redactor) Text(text string) string {
	text = strings.ToValidUTF8(text, "?")
	text = pemBlock.ReplaceAllString(text, hidden)
	text = pemLost.ReplaceAllString(text, hidden)
	text = r.known(text)
	text = headerLine.ReplaceAllString(text, "$1$2"+hidden)
	text = basicWord.ReplaceAllString(text, "$1 "+hidden)
	text = userInfo.ReplaceAllString(text, "$1"+hidden+"@")
	text = webQuery.ReplaceAllString(text, "$1"+hidden)
	text = keyValue.ReplaceAllStringFunc(text, redactValue)
	return maskNumbers(text)
}

// Known is the text without the secrets that the redactor was told and without card numbers: for sentences of our
// own, which speak of passcodes and quote others.
func (r *Redactor) Known(text string) string { return terminal.MaskCardNumbers(r.known(text)) }

func (r *Redactor) known(text string) string {
	text = r.secrets.Replace(text)
	for _, d := range r.digits {
		text = replaceNumber(text, d)
	}
	return text
}

// redactValue hides the value of a secret key. Names of files stay, for they tell where to look.
func redactValue(pair string) string {
	m := keyValue.FindStringSubmatch(pair)
	if strings.HasSuffix(strings.ToLower(m[1]), "_file") || m[3] == hidden || strings.HasPrefix(m[3], "[secret") || strings.HasPrefix(m[3], "[left") {
		return pair
	}
	return m[1] + m[2] + hidden
}

// replaceNumber hides a number where it stands alone.
func replaceNumber(text, number string) string {
	var b strings.Builder
	for {
		i := strings.Index(text, number)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		end := i + len(number)
		alone := (i == 0 || !isDigit(text[i-1])) && (end == len(text) || !isDigit(text[end]))
		// A fraction of a second or a part of a sum is no password.
		if i > 0 && text[i-1] == '.' {
			alone = false
		}
		b.WriteString(text[:i])
		if alone {
			b.WriteString(hidden)
		} else {
			b.WriteString(number[:1])
			end = i + 1
		}
		text = text[end:]
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// gapMost is how many characters that are no digits can stand between two digits of a card number.
const gapMost = 3

// maskNumbers hides all but the last four digits of what could be a card number: 13 or more digits with little between
// them, also across the end of a line. It is stricter than what the journal keeps by: a bundle leaves the shop.
func maskNumbers(text string) string {
	out := []byte(text)
	for i := 0; i < len(out); {
		if !isDigit(out[i]) {
			i++
			continue
		}
		end, digits := numberRun(text, i)
		if digits >= 13 && !onlyTime(text[i:end]) {
			left := digits
			for k := i; k < end; k++ {
				if isDigit(out[k]) {
					if left > 4 {
						out[k] = '*'
					}
					left--
				}
			}
		}
		i = end
	}
	return string(out)
}

// numberRun finds the end of a run of digits that begins at i, and counts them.
func numberRun(text string, i int) (end, digits int) {
	gap := 0
	for j := i; j < len(text); {
		c, n := utf8.DecodeRuneInString(text[j:])
		switch {
		case c >= '0' && c <= '9':
			digits, gap, end = digits+1, 0, j+n
		case c == '\\' && gap < gapMost && j+1 < len(text) && strings.IndexByte("nrt", text[j+1]) >= 0: // as JSON and slog write them
			gap, n = gap+1, 2
		case strings.ContainsRune(" -._/\t\r\n\u00a0\u2009\u202f\u2010\u2011\u2012\u2013*", c) && gap < gapMost:
			gap++
		default:
			return end, digits
		}
		j += n
	}
	return end, digits
}

// timeOfDay is a date and a time, which have 14 digits or more when they end a word that a number follows.
var timeOfDay = regexp.MustCompile(`^20\d\d[-/]\d\d[-/]\d\d$`)

// onlyTime tells whether a run is a date and nothing more.
func onlyTime(run string) bool { return timeOfDay.MatchString(run) }

// plainKeys are the keys of the settings whose values tell no secret.
func plainKeys() []string {
	return []string{
		"listen", "counter", "journal", "passcode_file", "password_file", "counter_password_file", "insecure_lan", "queue_limit", "log_level", "cert",
		"driver", "serial", "usb", "serial_number", "usb_path", "tcp", "baud", "data_bits", "parity", "stop_bits", "currency", "amount_unit", "max_amount",
		"register", "receipts", "receipt_width", "lock_keyboard", "charset", "language", "close_after_command", "payment_timeout", "clock_skew",
		"config_byte", "service_byte", "notify_url", "token_file", "smtp", "tls",
	}
}

var (
	settingKey = regexp.MustCompile(`^([\s-]*)([a-z][a-z0-9_-]{0,40})(\s*:)(?:\s+(.*))?$`)
	plainValue = regexp.MustCompile(`^["']?[A-Za-z0-9][A-Za-z0-9 _./:\\-]{0,120}["']?$|^["']?/[A-Za-z0-9_./-]{1,120}["']?$`)
	originItem = regexp.MustCompile(`^[\s-]*["']?https?://[a-z0-9.:-]+["']?\s*$`)
)

// Settings is the text of a settings file, right or wrong, with only what is known to be plain: the structure, and the
// values of known keys that look as they should. Comments and everything else are left out.
func (r *Redactor) Settings(text string) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(plainLine(strings.TrimRight(l, "\r\n")), " ") + "\n")
	}
	return r.Text(b.String())
}

func plainLine(l string) string {
	body := strings.TrimSpace(l)
	if body == "" {
		return ""
	}
	indent := l[:len(l)-len(strings.TrimLeft(l, " \t"))]
	if strings.HasPrefix(body, "#") {
		return indent + "# " + hidden
	}
	// What stands in braces and brackets is looked at piece by piece.
	var b strings.Builder
	rest := l
	for rest != "" {
		i := strings.IndexAny(rest, "{}[],")
		if i < 0 {
			b.WriteString(plainPiece(rest))
			break
		}
		b.WriteString(plainPiece(rest[:i]) + rest[i:i+1])
		rest = rest[i+1:]
	}
	return b.String()
}

// plainPiece is one key with its value, or an item.
func plainPiece(piece string) string {
	if strings.TrimSpace(piece) == "" || originItem.MatchString(piece) {
		return piece
	}
	value := piece
	comment := ""
	if i := strings.Index(value, " #"); i >= 0 {
		value, comment = value[:i], " # "+hidden
	}
	m := settingKey.FindStringSubmatch(value)
	switch {
	case m == nil:
		return " " + hidden + comment
	case strings.TrimSpace(m[4]) == "":
		return m[1] + m[2] + m[3] + " " + strings.TrimLeft(comment, " ")
	case !slices.Contains(plainKeys(), m[2]):
		return m[1] + m[2] + m[3] + " " + hidden + comment
	}
	v := strings.TrimSpace(m[4])
	if m[2] == "notify_url" {
		v, _, _ = strings.Cut(v, "?")
	}
	if !plainValue.MatchString(v) || strings.Contains(v, "://") && m[2] != "notify_url" {
		v = hidden
	}
	return m[1] + m[2] + m[3] + " " + v + comment
}

var fileValue = regexp.MustCompile(`(?m)\b(?:passcode_file|password_file|counter_password_file|token_file|key)["']?\s*:\s*("[^"\r\n]*"|'[^'\r\n]*'|[^\s,}#]+)`)

// hookValue is a web address that alarms are posted to, which whoever knows may often post to as well.
var hookValue = regexp.MustCompile(`(?m)\burl["']?\s*:\s*("[^"\r\n]*"|'[^'\r\n]*'|[^\s,}#]+)`)

// SecretsIn finds in the text of a settings file, right or wrong, what stands behind keys of secrets, comments
// included, and the files that hold secrets. A redactor is to be told of all that is in them.
func SecretsIn(settings string) (secrets, files []string) {
	for _, m := range keyValue.FindAllStringSubmatch(settings, -1) {
		if !strings.HasSuffix(strings.ToLower(m[1]), "_file") {
			secrets = append(secrets, unquote(m[3]))
		}
	}
	for _, m := range hookValue.FindAllStringSubmatch(settings, -1) {
		secrets = append(secrets, unquote(m[1]))
	}
	for _, m := range fileValue.FindAllStringSubmatch(settings, -1) {
		files = append(files, unquote(m[1]))
	}
	return secrets, files
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
