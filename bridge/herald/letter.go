package herald

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"strings"
)

// TLS is how the connection to a mail server is encrypted.
type TLS string

// The ways of it.
const (
	StartTLS    TLS = "starttls" // before anything but the greeting is said
	ImplicitTLS TLS = "implicit" // from the first byte
	NoTLS       TLS = "none"     // to the loopback only, and without a password
)

// Email is how messages are sent by e-mail.
type Email struct {
	SMTP     string // the mail server, host:port
	TLS      TLS
	From     string   // a bare address, as each in To
	To       []string // at least one
	Username string   // empty for no sign-in
	Password string
}

// maxSaid is the most bytes that a mail server may say in one try, encrypted or not; what is in good order needs a tenth.
const maxSaid = 256 << 10

// letter takes messages to a mail server.
type letter struct {
	email Email
	host  string
	roots *x509.CertPool
	note  func(error) // told whom the server refuses, where it takes the message for others
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
}

func newLetter(e Email, roots *x509.CertPool, note func(error)) (*letter, error) {
	host, _, err := net.SplitHostPort(e.SMTP)
	if err != nil {
		return nil, fmt.Errorf("the mail server: %w", err)
	}
	switch {
	case e.TLS != StartTLS && e.TLS != ImplicitTLS && e.TLS != NoTLS:
		return nil, fmt.Errorf("the mail server's tls is %q", e.TLS)
	case e.TLS == NoTLS && (!loopback(host) || e.Username != ""):
		return nil, errors.New("a mail server without encryption must be this machine, and is sent no password")
	case (e.Username == "") != (e.Password == ""):
		return nil, errors.New("a mail server takes both user name and password, or neither")
	case len(e.To) == 0:
		return nil, errors.New("e-mail needs somebody to be sent to")
	}
	for _, text := range append([]string{e.From}, e.To...) {
		// What net/mail would read as a name with an address, or would write in another form, is none of ours.
		a, err := mail.ParseAddress(text)
		if err != nil || a.Address != text {
			return nil, fmt.Errorf("%q is not a bare e-mail address", text)
		}
	}
	return &letter{email: e, host: host, roots: roots, note: note, dial: (&net.Dialer{}).DialContext}, nil
}

// send hands a message to the mail server. It is taken when the server takes it for one of its readers at least: sending
// it again for the others would reach that one twice.
func (l *letter) send(ctx context.Context, m message) (err error) {
	conn, err := l.dial(ctx, "tcp", l.email.SMTP)
	if err != nil {
		return fmt.Errorf("reach the mail server: %w", err)
	}
	defer conn.Close()
	// Closing ends whatever waits, at the end of the try as at a stop.
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("the mail server did not answer in time: %w", ctx.Err())
		}
	}()
	client, err := l.greet(ctx, &bounded{Conn: conn, left: maxSaid}, conn.LocalAddr())
	if err != nil {
		return err
	}
	if err := l.signIn(client); err != nil {
		return fmt.Errorf("sign in to the mail server: %w", err)
	}
	if err := client.Mail(l.email.From); err != nil {
		return fmt.Errorf("the mail server refuses the sender: %w", err)
	}
	var refused []error
	for _, to := range l.email.To {
		if err := client.Rcpt(to); err != nil {
			refused = append(refused, err)
		}
	}
	if len(refused) == len(l.email.To) {
		return fmt.Errorf("the mail server refuses whom it is for: %w", errors.Join(refused...))
	}
	if err := write(client, l.compose(m)); err != nil {
		return fmt.Errorf("hand over the message: %w", err)
	}
	_ = client.Quit() // it is taken
	if len(refused) > 0 {
		l.note(errors.Join(refused...))
	}
	return nil
}

// greet opens the conversation, encrypted as it is to be.
func (l *letter) greet(ctx context.Context, conn net.Conn, local net.Addr) (*smtp.Client, error) {
	settings := &tls.Config{ServerName: l.host, RootCAs: l.roots, MinVersion: tls.VersionTLS12}
	if l.email.TLS == ImplicitTLS {
		secure := tls.Client(conn, settings)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("encrypt the connection to the mail server: %w", err)
		}
		conn = secure
	}
	client, err := smtp.NewClient(conn, l.host)
	if err == nil {
		err = client.Hello(ownName(local))
	}
	if err != nil {
		return nil, fmt.Errorf("greet the mail server: %w", err)
	}
	if l.email.TLS != StartTLS {
		return client, nil
	}
	if offered, _ := client.Extension("STARTTLS"); !offered {
		return nil, errors.New("the mail server does not offer STARTTLS, and nothing is sent unencrypted")
	}
	if err := client.StartTLS(settings); err != nil {
		return nil, fmt.Errorf("encrypt the connection to the mail server: %w", err)
	}
	return client, nil
}

// ownName is how we greet: a till has no name that a mail server could look up, so it is our address (RFC 5321, 4.1.3).
func ownName(local net.Addr) string {
	a, ok := local.(*net.TCPAddr)
	switch {
	case !ok:
		return "localhost"
	case a.IP.To4() == nil:
		return "[IPv6:" + a.IP.String() + "]"
	}
	return "[" + a.IP.String() + "]"
}

// signIn shows the password by the first of the two ways that the server offers.
func (l *letter) signIn(client *smtp.Client) error {
	if l.email.Username == "" {
		return nil
	}
	_, offered := client.Extension("AUTH")
	for _, way := range strings.Fields(strings.ToUpper(offered)) {
		switch way {
		case "PLAIN":
			return client.Auth(smtp.PlainAuth("", l.email.Username, l.email.Password, l.host))
		case "LOGIN":
			return client.Auth(&login{username: l.email.Username, password: l.email.Password})
		}
	}
	return errors.New("it offers neither PLAIN nor LOGIN")
}

// login is AUTH LOGIN, which some servers offer alone: it asks for the user name, then for the password, in words that
// differ.
type login struct {
	username, password string
	asked              int
}

func (a *login) Start(s *smtp.ServerInfo) (string, []byte, error) {
	if !s.TLS {
		return "", nil, errors.New("the connection is not encrypted")
	}
	return "LOGIN", nil, nil
}

func (a *login) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	a.asked++
	switch a.asked {
	case 1:
		return []byte(a.username), nil
	case 2:
		return []byte(a.password), nil
	}
	return nil, errors.New("it asks for more than user name and password")
}

func write(client *smtp.Client, text []byte) error {
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	return w.Close()
}

// bounded is a connection that ends when its other side has said too much.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("it says more than %d bytes", maxSaid)
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
