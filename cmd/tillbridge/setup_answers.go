package main

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"tillbridge/bridge/config"
	"tillbridge/terminal"
)

// setupAnswers are the keys of an answers file. What is empty takes its default.
type setupAnswers struct {
	Terminal       string            `yaml:"terminal"`
	Port           string            `yaml:"port"`
	Probe          *bool             `yaml:"probe"`
	Driver         string            `yaml:"driver"`
	Options        map[string]string `yaml:"options"`
	Currency       string            `yaml:"currency"`
	Listen         string            `yaml:"listen"`
	Counter        string            `yaml:"counter"`
	Journal        string            `yaml:"journal"`
	PasscodeFile   string            `yaml:"passcode_file"`
	NewPasscode    *bool             `yaml:"new_passcode"`
	ChangeSettings *bool             `yaml:"change_settings"`
	Service        *bool             `yaml:"service"`
	Test           string            `yaml:"test"`
}

// answersMost is the size of an answers file, in bytes.
const answersMost = 64 << 10

// answersHead goes before the answers so that they are read as strictly as a driver's options in the settings are, with
// line, column and what is allowed; they are indented below it.
const answersHead = "mgr: {passcode: none-of-these-counts}\nterminals:\n  answers:\n    driver: answers\n    currency: EUR\n    options:\n"

const answersIndent = "      "

// readAnswers reads an answers file: the answers that are in it, yes and no for true and false, and the driver's options.
func readAnswers(env config.Env, file string) (given, options map[string]string, err error) {
	data, _, err := env.ReadFile(file, answersMost)
	if err != nil {
		return nil, nil, fmt.Errorf("read the answers: %w", err)
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	text = answersIndent + strings.ReplaceAll(text, "\n", "\n"+answersIndent)
	all := &setupAnswers{}
	drivers := []terminal.Driver{{Name: "answers", Options: func() any { return all }}}
	_, err = config.Parse(file, []byte(answersHead+text), drivers, env)
	var wrong config.Errors
	if errors.As(err, &wrong) {
		for _, e := range wrong {
			e.Line = max(1, e.Line-strings.Count(answersHead, "\n"))
			e.Column = max(1, e.Column-len(answersIndent))
			e.Path = strings.TrimPrefix(strings.TrimPrefix(e.Path, "terminals.answers.options"), ".")
		}
		return nil, nil, wrong
	}
	given = map[string]string{}
	v := reflect.ValueOf(all).Elem()
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		switch x := v.Field(i).Interface().(type) {
		case string:
			if x != "" {
				given[key] = x
			}
		case *bool:
			if x != nil {
				given[key] = yesNo(*x)
			}
		}
	}
	return given, all.Options, nil
}

// answersExample is an answers file in which everything is as it is without.
func answersExample() string {
	return `# Answers for: tillbridge setup --answers FILE
#
# Each key stands for a question. A line that begins with # has no effect; where it shows a key, that is the default or
# an example. A key that is not known is a mistake. A text of digits only stands in quotes.

# The terminal's name, 1 to 32 of a-z, 0-9 and hyphen: the end of the webhook's URL. Default: the first one of the
# settings, else counter.
#terminal: counter

# Where the terminal is: search (the ports of this computer), a serial port such as /dev/ttyUSB0 or COM3, an address
# HOST or HOST:PORT, "listen ADDRESS:PORT" where the terminal dials this computer, none for a terminal without a
# connection, or keep what the settings say. Default: keep where the terminal is in the settings, else search.
#port: search

# Whether ports may be asked which terminal they are, by messages that move no money (tillbridge detect --explain shows
# them): the one that is named, or those with a terminal's USB id.
#probe: false

# The protocol; "tillbridge drivers" lists them. Default: what the search found, or what the settings say. Without
# either it must be given.
#driver: zvt

# The driver's own settings, each in quotes. What a driver cannot do without must be given.
#options: {password: "000000"}

# ISO 4217. Default: what the settings say, else the protocol's usual one, else EUR.
#currency: EUR

# The doors for MGR and for the counter screen.
#listen: ` + config.DefaultListen + `
#counter: ` + config.DefaultCounter + `

# The journal. Default: the system's place; with --config elsewhere, journal.db beside the settings.
#journal: /var/lib/tillbridge/journal.db

# The file with the passcode. It is made where it is missing. Default: passcode beside the settings.
#passcode_file: /etc/tillbridge/passcode

# Make a new passcode in place of the one that is there. It must be entered in MGR then.
#new_passcode: false

# Change a settings file that is there already.
#change_settings: false

# Install the service and start it.
#service: true

# The payment at the end: simulator, against a simulated terminal, or none.
#test: simulator
`
}
