package doctor

import (
	"context"
	"math"
	"strings"
	"unicode"
)

// The strengths of a passcode, in bits of guessing.
const (
	bitsGuessed = 35 // fewer are found in a night
	bitsStrong  = 70
)

// checkPasscode judges how hard the passcode is to guess. It never says what it is.
func checkPasscode(_ context.Context, x *exam) []Finding {
	if x.Wrong != nil {
		return []Finding{unchecked("passcode", "", "the settings must be right first")}
	}
	m := x.Settings.MGR
	all := []Finding{x.judge("passcode", "", m.Passcode.Reveal(), "the passcode ("+m.PasscodeFrom+")", "Set the same passcode in MGR's payment method.")}
	if m.BasicAuth != nil {
		f := x.judge("passcode", "basic_auth", m.BasicAuth.Password.Reveal(), "the password of HTTP Basic authentication", "Set the same password in MGR's payment method.")
		if f.Verdict != Good {
			all = append(all, f)
		}
		if m.BasicAuth.Password == m.Passcode {
			all = append(all, warning("passcode", "basic_auth", "The password of HTTP Basic authentication is the passcode itself, so that it protects nothing more.").
				do("Choose another password:", x.makeSecret()...))
		}
	}
	return all
}

func (x *exam) judge(check, about, secret, what, remedy string) Finding {
	bits, why := Strength(secret)
	switch {
	case bits < bitsGuessed:
		return fault(check, about, "%s is easily guessed: %s. Whoever guesses it can start payments on the terminal.", upper(what), why).
			do("Make a better one, 32 characters by chance. "+remedy, x.makeSecret()...)
	case bits < bitsStrong:
		return warning(check, about, "%s is weak: %s.", upper(what), why).do("Make a better one, 32 characters by chance. "+remedy, x.makeSecret()...)
	}
	return good(check, about, "%s has %s and is hard to guess.", upper(what), count(len(secret), "character", "characters"))
}

// makeSecret is how to make one on this system.
func (x *exam) makeSecret() []string {
	if x.OS == "windows" {
		return []string{`powershell "$b=[byte[]]::new(24);[Security.Cryptography.RandomNumberGenerator]::Create().GetBytes($b);[Convert]::ToBase64String($b)"`}
	}
	return []string{"head -c 24 /dev/urandom | base64"}
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// Strength estimates how many bits of guessing a secret costs, and says what makes it weak. It counts each
// character by the alphabets in use; what continues a row (abc, 321, aaa, qwerty), repeats the text before it or is
// a word that everybody tries counts little.
func Strength(secret string) (bits float64, why string) {
	alphabet, kinds := alphabetOf(secret)
	text, words := strings.ToLower(secret), 0
	for _, w := range []string{
		"password", "passwort", "passcode", "passphrase", "tillbridge", "terminal", "gadget", "repair", "secret", "geheim", "welcome", "letmein",
		"admin", "shop", "kasse", "till", "test", "default", "changeme", "master", "login", "mygadgetrepairs", "mgr", "qwertz", "qwerty", "asdf",
	} {
		if n := strings.Count(text, w); n > 0 {
			words += n
			text = strings.ReplaceAll(text, w, " ")
		}
	}
	counted, rows := 0.0, 0
	r := []rune(text)
	for i, c := range r {
		switch {
		case i > 0 && abs(c-r[i-1]) <= 1, i > 1 && c == r[i-2]:
			counted += 0.25
			rows++
		case i > 0 && strings.Contains(text[:len(string(r[:i]))], tailOf(r, i)):
			counted += 0.4
			rows++
		default:
			counted++
		}
	}
	bits = counted*math.Log2(float64(alphabet)) + 8*float64(words)
	distinct := map[rune]bool{}
	for _, c := range secret {
		distinct[c] = true
	}
	switch {
	case len(distinct) <= 3:
		why = "it repeats " + count(len(distinct), "character", "characters")
	case words > 0:
		why = "it is made of words that are tried first"
	case rows*2 >= len(r):
		why = "most of it is a row or a repetition, such as 1234 or abcabc"
	case kinds == 1 && alphabet == 10:
		why = "it has " + count(len(secret), "digit", "digits") + " and nothing else"
	default:
		why = "it has " + count(len(secret), "character", "characters") + " only, of " + count(kinds, "kind", "kinds")
	}
	return bits, why
}

// tailOf is the three characters that end at i.
func tailOf(r []rune, i int) string {
	if i < 5 {
		return "\x00"
	}
	return string(r[i-2 : i+1])
}

func abs(n rune) rune { return max(n, -n) }

// alphabetOf is how many characters those of the kinds in a text are.
func alphabetOf(text string) (size, kinds int) {
	kind := [4]bool{}
	for _, c := range text {
		switch {
		case unicode.IsDigit(c):
			kind[0] = true
		case unicode.IsLower(c):
			kind[1] = true
		case unicode.IsUpper(c):
			kind[2] = true
		default:
			kind[3] = true
		}
	}
	for i, n := range []int{10, 26, 26, 33} {
		if kind[i] {
			size += n
			kinds++
		}
	}
	return max(size, 1), kinds
}
