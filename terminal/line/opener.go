package line

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"

	"tillbridge/terminal"
)

// leftMost bounds the ports of one Opener that are not closed to the end, because the system's calls hang.
const leftMost = 4

// Opener opens one terminal's line again and again, and remembers what it was to. There is one for each
// terminal, for as long as its settings hold. Its methods may be called from any goroutine.
//
// The identity in Config.USB is looked up afresh at each Open. Once the device is open and before anything can
// be sent it is looked up again, and a device that is another one by then is closed.
//
// A line stays with one device. Where Config.Serial names a port, whatever is under that name at the first Open
// is taken, since there is nothing to compare it with; /dev/ttyUSB0 may be anything. From then on, and
// with Config.USB alone too, another USB device is refused with ErrOther. One that tells no serial number
// is known by its kind, and by its place once a second of the same kind was seen. Who exchanges a terminal
// makes a new Opener, by restarting the program or reading the settings again.
type Opener struct {
	c    Config
	host host

	mu      sync.Mutex
	opening bool          // an attempt is out, perhaps one that hangs
	looking bool          // a look is out
	ports   []*serialPort // those that have not ended
	first   PortInfo      // the USB device that the line is to
	known   bool          // first is set
	twins   bool          // another device that only its place tells from it was seen
	away    bool          // since the last Open that succeeded the device was not there, or not to be opened
}

// NewOpener makes an Opener. It looks at nothing yet; a mistake in c is what Open returns.
func NewOpener(c Config) *Opener { return &Opener{c: c, host: systemHost()} }

// Open opens the line, after Validate. It gives up when ctx ends, and after 5 s at the latest.
//
// The port that it returns may be used by one reader and any number of writers at a time. Its Read returns
// bytes as soon as they are there, and ErrGone once the line is lost and all that came before is read. Its
// Write returns ErrStuck when the system does not take the bytes; see there. After its Close everything
// returns an error that is net.ErrClosed and os.ErrClosed. Close returns within 2 s whatever the device does.
//
// It has the method Abort() error, which is a Close that drops what was written and has not left yet. A
// connection that ends without Close, because the program was killed, drops it too.
//
// A serial port has the method Gone() <-chan struct{}, closed when the line is lost while nobody reads.
//
// For a serial port that somebody else uses the error is a *BusyError; one that does not exist is
// fs.ErrNotExist, one that we may not open is fs.ErrPermission. ErrAmbiguous and ErrOther tell that it is not
// sure which device is meant. While an earlier attempt hangs in the system, or too many ports do, it is
// ErrStuck, at once.
func (o *Opener) Open(ctx context.Context) (terminal.Port, error) {
	if err := o.c.Validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open %s: %w", o.c, err)
	}
	if o.c.Listen && o.c.TCP != "" {
		return o.c.accept(ctx)
	}
	if o.c.TCP != "" {
		return dialTCP(ctx, o.c.TCP)
	}
	if err := o.begin(); err != nil {
		return nil, err
	}
	return o.openSerial(ctx)
}

// begin takes the right to the one attempt that may be out.
func (o *Opener) begin() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	left := o.ports[:0]
	for _, p := range o.ports {
		if !p.ended() {
			left = append(left, p)
		}
	}
	clear(o.ports[len(left):])
	o.ports = left
	switch {
	case o.opening:
		return fmt.Errorf("open %s: %w: an earlier attempt to open it has not ended; unplug the terminal and plug it in again", o.c.device(), ErrStuck)
	case len(left) >= leftMost:
		return fmt.Errorf("open %s: %w: it was opened %d times and the system has closed none of them; restart this computer", o.c.device(), ErrStuck, len(left))
	}
	o.opening = true
	return nil
}

// openSerial opens the device in a goroutine of its own, since the calls of a broken adapter may hang. One
// that comes too late is closed again.
func (o *Opener) openSerial(ctx context.Context) (terminal.Port, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	type opened struct {
		port *serialPort
		err  error
	}
	result := make(chan opened)
	go func() {
		p, err := o.attempt()
		o.mu.Lock()
		o.opening = false
		if err == nil {
			o.ports = append(o.ports, p)
		}
		o.away = isAway(err)
		o.mu.Unlock()
		select {
		case result <- opened{p, err}:
		case <-ctx.Done():
			if err == nil {
				_ = p.Close()
			}
		}
	}()
	select {
	case r := <-result:
		if r.err != nil {
			return nil, r.err
		}
		return r.port, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("open %s: the device does not answer: %w", o.c.device(), ctx.Err())
	}
}

// attempt finds the device, locks it, opens it and makes sure of it.
//
// The device's own exclusive mode (TIOCEXCL on Linux) is not enough: it never refuses the superuser. It also
// outlives a killed program on a pseudo-terminal, for as long as the other side is open, and then refuses
// everybody else; whoever plays the terminal's side has to lift it (TIOCNXCL) after a kill.
func (o *Opener) attempt() (*serialPort, error) {
	name, number, err := o.resolve()
	if err != nil {
		return nil, fmt.Errorf("open port: %w", err)
	}
	h, err := o.host.lock(name)
	if err != nil {
		return nil, openError(name, err)
	}
	p, err := o.openHeld(name, number, h)
	if err != nil {
		h.release()
	}
	return p, err
}

// resolve says under which name the device is now, and which number it must have there; none where nothing but
// the name is known.
func (o *Opener) resolve() (name, number string, err error) {
	if o.c.USB == "" {
		return o.c.Serial, "", nil
	}
	p, _, err := o.look()
	return p.Name, p.number, err
}

// look finds the USB device among those that are plugged in.
func (o *Opener) look() (PortInfo, []PortInfo, error) {
	ports, err := o.host.ports()
	if err != nil {
		return PortInfo{}, nil, fmt.Errorf("look for %s: %w", o.c.device(), err)
	}
	p, err := o.c.Find(ports)
	if errors.Is(err, fs.ErrNotExist) {
		p, err = o.c.Find(append(ports, o.host.orphans()...))
	}
	return p, ports, err
}

// openHeld opens a locked device. Between the lock and the end of verify the name may come to lead elsewhere,
// but the device stays the one that is locked.
func (o *Opener) openHeld(name, number string, h *held) (*serialPort, error) {
	if number != "" && h.number != number {
		return nil, absentf("open port: %s is another device than a moment ago", name)
	}
	// No initial modem lines: opening raises DTR and RTS anyway, and a device without them would be refused for
	// the want of them.
	m := mode{o.c.Baud, o.c.DataBits, o.c.Parity, o.c.StopBits}
	dev, err := o.host.open(h, m)
	for tries := 0; errors.Is(err, syscall.EINTR) && tries < 10; tries++ {
		dev, err = o.host.open(h, m)
	}
	if err != nil {
		return nil, openError(h.path, err)
	}
	if err := o.verify(h); err != nil {
		_ = dev.Close()
		return nil, fmt.Errorf("open port: %w", err)
	}
	// Some terminals are deaf without these two, and a program before us may have dropped them. Pseudo-
	// terminals and some adapters have none, which is no failure.
	_ = dev.SetDTR(true)
	_ = dev.SetRTS(true)
	if err := dev.SetReadTimeout(pollEvery); err != nil {
		_ = dev.Close()
		return nil, openError(h.path, err)
	}
	title := o.c.Serial
	if o.c.USB != "" {
		title = o.c.device() + " (" + h.path + ")"
	}
	return newSerial(title, dev, h.release, serialLimits(o.c)), nil
}

// verify makes sure, once the device is open, that it is the one that is meant and the one of before.
func (o *Opener) verify(h *held) error {
	if o.c.USB != "" {
		p, ports, err := o.look()
		switch {
		case err != nil:
			return fmt.Errorf("after it was opened: %w", err)
		case p.number != h.number:
			return absentf("%s is another device now than when it was opened", h.path)
		}
		return o.remember(p, ports)
	}
	ports, err := o.host.ports()
	o.mu.Lock()
	known := o.known
	o.mu.Unlock()
	switch {
	case err != nil && known:
		return fmt.Errorf("make sure of %s: %w", h.path, err)
	case err != nil:
		return nil // there is nothing to compare it with
	}
	return o.remember(numbered(ports, h), ports)
}

// numbered is the port with the number of the locked device; one of which only the name is known if none has it.
func numbered(ports []PortInfo, h *held) PortInfo {
	for _, p := range ports {
		if p.number == h.number {
			return p
		}
	}
	return PortInfo{Name: h.path, number: h.number, Product: "a device that is no listed serial port"}
}

// remember keeps what the line is to, or says that it is another device than before.
func (o *Opener) remember(p PortInfo, ports []PortInfo) error {
	if err := o.compare(p, ports); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.twins = o.twins || twin(p, ports)
	if p.USB != "" {
		o.first, o.known = p, true
	}
	return nil
}

// compare tells by an error that p is not the device that the line was to.
func (o *Opener) compare(p PortInfo, ports []PortInfo) error {
	o.mu.Lock()
	first, known, twins := o.first, o.known, o.twins
	o.mu.Unlock()
	if !known || o.c.USBPath != "" || same(first, p, twins || twin(p, ports)) {
		return nil
	}
	remedy := fmt.Sprintf("write usb: %q", first.USB)
	switch {
	case first.SerialNumber != "":
		remedy += fmt.Sprintf(" and serial_number: %q", first.SerialNumber)
	case first.USBPath != "":
		remedy += fmt.Sprintf(" and usb_path: %q", first.USBPath)
	}
	return fmt.Errorf("%w: the line was to %s, and %s is %s now; nothing was sent to it. Plug the first one in again. If the terminal was exchanged, restart tillbridge. To have it found under any name, %s into the settings",
		ErrOther, first.whereabouts(), p.Name, p.about(), remedy)
}

// whereabouts is about, with the place where nothing else tells the device from its like.
func (p PortInfo) whereabouts() string {
	if p.SerialNumber == "" && p.USBPath != "" {
		return p.about() + " plugged in at " + p.USBPath
	}
	return p.about()
}
