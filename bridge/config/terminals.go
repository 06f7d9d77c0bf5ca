package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// maxTerminals bounds the terminals of one bridge.
const maxTerminals = 64

var (
	terminalName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	comPort      = regexp.MustCompile(`^(?i:\\\\\.\\)?((?i:COM)[1-9][0-9]{0,3})$`)
)

// terminals reads all terminals and looks whether two of them share a line.
func (r *reader) terminals(top *block, s *Settings) {
	if !top.has("terminals") {
		top.missing("terminals", "name at least one terminal: terminals: {counter: {driver: …, port: …, currency: …}}")
		return
	}
	all, ok := top.open("terminals", nil)
	if !ok {
		return
	}
	switch n := len(all.keys); {
	case n == 0:
		top.fail("terminals", "there is no terminal in it", "name at least one: counter: {driver: …, port: …, currency: …}")
	case n > maxTerminals:
		top.fail("terminals", fmt.Sprintf("there are %d terminals", n), fmt.Sprintf("at most %d", maxTerminals))
		return
	}
	for _, name := range all.keys {
		if !terminalName.MatchString(name) {
			r.fail(all.fields[name].key, all.sub(name), "this is not a name for a terminal", "1 to 32 of a-z, 0-9 and hyphen"+nameLike(name))
		}
		b, ok := all.open(name, []string{"driver", "port", "currency", "amount_unit", "max_amount", "day_end", "look", "options"})
		if !ok {
			continue
		}
		t := b.terminal(name)
		r.shared(b, t, s.Terminals)
		s.Terminals = append(s.Terminals, t)
	}
}

// shared reports a terminal whose line could be that of one before it.
func (r *reader) shared(b *block, t Terminal, before []Terminal) {
	for _, other := range before {
		if t.Port == (Port{}) || !t.Port.overlaps(other.Port) {
			continue
		}
		port := b.fields["port"]
		at, path := lineKey(port.value, b.sub("port"))
		switch {
		case t.Port.String() == other.Port.String():
			r.fail(at, path, "terminal "+other.Name+" has this line already", "each terminal needs a line of its own"+twinHint(t.Port, r.paths.windows))
		default:
			r.fail(at, path, "this may be the device of terminal "+other.Name+" too, which is "+other.Port.String(), "each terminal needs a line of its own"+twinHint(t.Port, r.paths.windows))
		}
		return
	}
}

// twinHint says how two devices of one kind are told apart.
func twinHint(p Port, windows bool) string {
	switch {
	case p.USB == "":
		return ""
	case windows:
		return ": write serial_number: for both of them, or serial: with their COM ports"
	}
	return ": write serial_number: for both of them, or usb_path: where they have none; tillbridge ports shows both"
}

// nameLike proposes a name that is allowed and near.
func nameLike(name string) string {
	like := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
			return c
		case c == ' ' || c == '_' || c == '.':
			return '-'
		}
		return -1
	}, strings.ToLower(name))
	if !terminalName.MatchString(like) {
		return ""
	}
	return ", such as " + like
}

// lineKey finds the value in a port block that names the line.
func lineKey(port *yaml.Node, path string) (*yaml.Node, string) {
	for i := 0; i+1 < len(port.Content); i += 2 {
		if key := port.Content[i].Value; key == "serial" || key == "usb" || key == "tcp" || key == "listen" {
			return port.Content[i+1], join(path, key)
		}
	}
	return port, path
}

func (b *block) terminal(name string) Terminal {
	t := Terminal{Name: name}
	driver, known := b.driver()
	t.Driver = driver.Name
	switch {
	case known:
		t.Port = b.port(driver)
		t.Options = b.options(driver)
	case b.has("port"): // it can be judged without its driver, which may only be misspelt
		t.Port = b.port(terminal.Driver{Line: terminal.LineDefaults{Baud: 9600, TCPPort: 1}})
	}
	if unit, ok := b.choice("amount_unit", "major", "minor"); ok && unit == "minor" {
		t.AmountUnit = Minor
	}
	var ok bool
	if t.Currency, ok = b.currency("currency"); ok {
		t.MaxAmount = b.amount("max_amount", t.Currency)
	}
	t.DayEnd, t.Look = b.timeOfDay("day_end"), b.hint("look")
	if t.DayEnd != nil && known && !closes(driver) {
		b.fail("day_end", "the driver "+driver.Name+" cannot run a terminal's end of day", "take the line out: its end of day is run at the terminal's own keys")
	}
	return t
}

// closes tells whether some terminal of a driver can be told to end its day; true where the driver does not say.
func closes(d terminal.Driver) bool {
	for _, s := range d.Kinds {
		if _, can := s.(terminal.Settler); can {
			return true
		}
	}
	return len(d.Kinds) == 0
}

// lookMost is how long a hint may be, in bytes.
const lookMost = 500

// hint reads a sentence for the clerk.
func (b *block) hint(key string) string {
	const form = "a sentence or two for the clerk, such as: Press Menu, 3, Enter: it prints the last receipt again."
	text, ok := b.word(key, form)
	if ok && (len(text) > lookMost || strings.ContainsFunc(text, unicode.IsControl)) {
		b.fail(key, fmt.Sprintf("it is longer than %d characters, or has line ends in it", lookMost), form)
		return ""
	}
	return text
}

var clockTime = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])$`)

// timeOfDay reads a time by the clock, "23:30"; nil where there is none.
func (b *block) timeOfDay(key string) *bridge.ClockTime {
	const form = `a time of day between "00:00" and "23:59"`
	text, ok := b.word(key, form)
	if !ok {
		return nil
	}
	m := clockTime.FindStringSubmatch(text)
	if m == nil {
		b.fail(key, b.show(key, text)+" is not a time of day", form)
		return nil
	}
	hour, _ := strconv.Atoi(m[1]) // digits, by the expression
	minute, _ := strconv.Atoi(m[2])
	return &bridge.ClockTime{Hour: hour, Minute: minute}
}

func (b *block) driver() (terminal.Driver, bool) {
	var names []string
	for _, d := range b.r.drivers {
		names = append(names, d.Name)
	}
	names = sorted(names)
	if !b.has("driver") {
		b.missing("driver", "name the protocol that the terminal speaks: "+strings.Join(names, ", "))
		return terminal.Driver{}, false
	}
	text, ok := b.word("driver", "the name of a driver")
	if !ok {
		return terminal.Driver{}, false
	}
	i := slices.IndexFunc(b.r.drivers, func(d terminal.Driver) bool { return d.Name == text })
	if i < 0 {
		b.fail("driver", "there is no driver "+show(text), oneOf(text, names))
		return terminal.Driver{}, false
	}
	return b.r.drivers[i], true
}

func (b *block) currency(key string) (terminal.Currency, bool) {
	const allowed = "write an ISO 4217 code such as EUR"
	if !b.has(key) {
		b.missing(key, allowed)
		return terminal.Currency{}, false
	}
	text, ok := b.word(key, "a currency")
	if !ok {
		return terminal.Currency{}, false
	}
	c, ok := Currency(text)
	if ok {
		return c, true
	}
	upper := strings.ToUpper(text)
	if _, known := Currency(upper); known {
		b.fail(key, show(text)+" is not an ISO 4217 code", "write "+upper)
	} else if now, gone := successor(upper); gone {
		b.fail(key, show(text)+" is withdrawn", "it was replaced by "+now)
	} else {
		b.fail(key, show(text)+" is not an ISO 4217 code", allowed)
	}
	return terminal.Currency{}, false
}

// amount reads a sum in major units as decimal text, quoted or not; zero where it is absent or wrong.
func (b *block) amount(key string, c terminal.Currency) terminal.Amount {
	text, ok := b.word(key, "an amount")
	if !ok {
		return terminal.Amount{Currency: c}
	}
	a, err := terminal.ParseAmount(text, c)
	if err != nil {
		// err quotes the text, which is not needed twice.
		_, reason, _ := strings.Cut(err.Error(), `": `)
		b.fail(key, show(text)+" is not an amount in "+c.Code, reason)
		return terminal.Amount{Currency: c}
	}
	return a
}

// port reads the line, with the driver's defaults for what is not said.
func (b *block) port(d terminal.Driver) Port {
	serial, tcp := d.Line.Baud > 0, d.Line.TCPPort > 0
	example := lineExample(d, b.r.paths.windows)
	switch {
	case !serial && !tcp:
		if f := b.fields["port"]; b.has("port") && f.value.Value != "none" {
			b.r.fail(f.key, b.sub("port"), "driver "+d.Name+" uses no line", "remove it")
		}
		return Port{}
	case !b.has("port"):
		b.missing("port", "say where the terminal is: "+example)
		return Port{}
	}
	p, ok := b.open("port", []string{"serial", "usb", "serial_number", "usb_path", "tcp", "listen", "allow", "baud", "data_bits", "parity", "stop_bits"})
	if !ok {
		return Port{}
	}
	if !p.has("listen") {
		p.stray("this belongs to listen, with which the terminal dials the till", "remove it", "allow")
	}
	switch given := p.given("serial", "usb", "tcp", "listen"); {
	case len(given) > 1:
		both := map[int]string{2: " are both given", 3: " are all given", 4: " are all given"}[len(given)]
		p.fail(given[len(given)-1], strings.Join(given, " and ")+both, "keep one of them")
		return Port{}
	case len(given) == 0:
		p.missing("serial", "say where the terminal is: "+example)
		p.stray("this belongs to a USB device", "write usb: with its vendor and product beside it", "serial_number", "usb_path")
		return Port{}
	case given[0] == "listen" && !d.Line.Listens:
		p.fail("listen", "the terminals of driver "+d.Name+" are dialled and do not dial the till", "use "+example)
		return Port{}
	case given[0] == "listen":
		p.stray("this has no meaning where the terminal dials", "remove it", "serial_number", "usb_path", "baud", "data_bits", "parity", "stop_bits")
		return p.listen(d.Line.TCPPort)
	case given[0] != "tcp" && !serial:
		p.fail(given[0], "driver "+d.Name+" has no serial form", "use "+example)
		return Port{}
	case given[0] == "tcp" && !tcp:
		p.fail("tcp", "driver "+d.Name+" has no TCP form", "use "+example)
		return Port{}
	case given[0] == "tcp":
		p.stray("this has no meaning on tcp", "remove it", "serial_number", "usb_path", "baud", "data_bits", "parity", "stop_bits")
		return p.tcp(d.Line.TCPPort)
	case given[0] == "usb":
		return p.usb(d.Line)
	}
	p.stray("this belongs to a USB device, and serial names a port", `write usb: with its vendor and product in place of serial, as in usb: "0b00:0054"`, "serial_number", "usb_path")
	return p.serial(d.Line)
}

// given lists those of the keys that are there.
func (b *block) given(keys ...string) []string {
	return slices.DeleteFunc(keys, func(k string) bool { return !b.has(k) })
}

// stray reports keys that have no place beside the others.
func (b *block) stray(message, allowed string, keys ...string) {
	for _, key := range b.given(keys...) {
		b.r.fail(b.fields[key].key, b.sub(key), message, allowed)
	}
}

func lineExample(d terminal.Driver, windows bool) string {
	var all []string
	switch {
	case d.Line.Baud > 0 && windows:
		all = append(all, "port: {serial: COM3}")
	case d.Line.Baud > 0:
		all = append(all, "port: {serial: /dev/ttyUSB0}")
	}
	switch {
	case d.Line.Listens:
		all = append(all, fmt.Sprintf(`port: {listen: "0.0.0.0:%d", allow: "192.168.1.50"}`, d.Line.TCPPort))
	case d.Line.TCPPort > 0:
		all = append(all, fmt.Sprintf(`port: {tcp: "192.168.1.50:%d"}`, d.Line.TCPPort))
	}
	return strings.Join(all, " or ")
}

// tcp reads the address of a terminal in the network. The driver's port is taken where none is given.
func (b *block) tcp(usual int) Port {
	text, ok := b.word("tcp", "an address host:port")
	if !ok {
		return Port{}
	}
	host, port, hasPort := splitHostPort(strings.ToLower(text))
	if strings.Count(text, ":") > 1 && !strings.HasPrefix(text, "[") {
		hasPort = false
	}
	number, portOK := usual, true
	if hasPort {
		number, portOK = portNumber(port, 1)
	}
	switch form := fmt.Sprintf("write host:port, such as 192.168.1.50:%d", usual); {
	case strings.Contains(text, "://"):
		b.fail("tcp", show(text)+" is a web address", form)
	case !validHost(host):
		b.fail("tcp", show(host)+" is not an IP address or host name", form)
	case !portOK:
		b.fail("tcp", show(port)+" is not a port number", "allowed: 1 to 65535")
	default:
		return Port{TCP: joinHostPort(host, number)}
	}
	return Port{}
}

// listen reads the address of this computer on which the terminal dials, and the terminal's own.
func (b *block) listen(usual int) Port {
	text, ok := b.word("listen", "an address host:port")
	if !ok {
		return Port{}
	}
	p := Port{Listen: true}
	host, port, hasPort := splitHostPort(text)
	number, portOK := usual, true
	if hasPort {
		number, portOK = portNumber(port, 1)
	}
	_, noIP := netip.ParseAddr(host)
	switch {
	case host != "" && noIP != nil:
		b.fail("listen", show(text)+" is not an address of this computer", fmt.Sprintf("write an IP address and a port, such as 192.168.1.10:%d, or 0.0.0.0:%d for all addresses", usual, usual))
		return Port{}
	case !portOK:
		b.fail("listen", show(port)+" is not a port number", "allowed: 1 to 65535")
		return Port{}
	}
	p.TCP = joinHostPort(host, number)
	if b.has("allow") {
		if p.Allow, ok = b.word("allow", "the terminal's address"); !ok {
			return Port{}
		}
		if _, err := netip.ParseAddr(p.Allow); err != nil {
			b.fail("allow", show(p.Allow)+" is not an IP address", "write the terminal's, such as 192.168.1.50")
			return Port{}
		}
	}
	return p
}

// bauds are the speeds that serial adapters know.
func bauds() []int64 {
	return []int64{
		300, 600, 1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 56000, 57600, 115200, 128000, 230400,
		256000, 460800, 921600,
	}
}

// serial reads a serial port by its name, and its settings.
func (b *block) serial(d terminal.LineDefaults) Port {
	p := b.mode(d)
	if p.Serial = b.serialName(); p.Serial == "" {
		return Port{}
	}
	return p
}

// mode reads the settings of a serial port.
func (b *block) mode(d terminal.LineDefaults) Port {
	p := Port{Baud: d.Baud, DataBits: d.DataBits, Parity: d.Parity, StopBits: d.StopBits}
	if v, ok := b.integer("baud", 300, 921600); ok {
		p.Baud = int(v)
		if !slices.Contains(bauds(), v) {
			var words []string
			for _, baud := range bauds() {
				words = append(words, strconv.FormatInt(baud, 10))
			}
			b.fail("baud", fmt.Sprintf("%d is not a usual speed", v), oneOf(strconv.FormatInt(v, 10), words))
		}
	}
	if v, ok := b.integer("data_bits", 5, 8); ok {
		p.DataBits = int(v)
	}
	if v, ok := b.choice("parity", "none", "even", "odd"); ok {
		p.Parity = v
	}
	if v, ok := b.choice("stop_bits", "1", "1.5", "2"); ok {
		p.StopBits = v
	}
	return p
}

func (b *block) serialName() string {
	text, ok := b.word("serial", "the name of a serial port")
	if !ok {
		return ""
	}
	com := comPort.FindStringSubmatch(text)
	switch {
	case b.r.paths.windows && com != nil:
		return strings.ToUpper(com[1])
	case b.r.paths.windows:
		b.fail("serial", show(text)+" is not a serial port of Windows", "write its name as the device manager shows it, such as COM3")
	case com != nil:
		b.fail("serial", show(text)+" is a serial port of Windows, and this is "+b.r.env.OS, "write a path such as /dev/ttyUSB0 or, better, one from /dev/serial/by-id/")
	case !strings.HasPrefix(text, "/") || !printable(text) || len(text) > 255 || strings.HasSuffix(text, "/"):
		b.fail("serial", show(text)+" is not the path of a serial port", "write its whole path, such as /dev/ttyUSB0 or, better, one from /dev/serial/by-id/")
	default:
		return text
	}
	return ""
}
