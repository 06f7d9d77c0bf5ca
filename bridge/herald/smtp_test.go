package herald

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailServer is a mail server that a test makes up.
type mailServer struct {
	implicit bool
	starts   bool     // it offers STARTTLS
	auth     string   // what it offers, "PLAIN LOGIN"; empty for none
	password string   // that it takes
	refuses  []string // readers it does not take
	answers  map[string]string
	cert     tls.Certificate

	mu    sync.Mutex
	heard []string // commands, by the connection "clear" or "tls"
	mails []string // as they came, without the final dot
}

// authority makes a certificate for names, and a pool that trusts it.
func authority(t *testing.T, names ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// listen serves on the loopback and returns the address.
func (s *mailServer) listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			work.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); work.Wait() })
	return l.Addr().String()
}

func (s *mailServer) hear(way, command string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, way+" "+command)
}

// all is what was heard, as one text.
func (s *mailServer) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.heard, "\n")
}

// talk is one conversation.
type talk struct {
	*mailServer
	conn net.Conn
	in   *bufio.Reader
	way  string
}

func (s *mailServer) serve(conn net.Conn) {
	defer conn.Close()
	k := &talk{s, conn, bufio.NewReader(conn), "clear"}
	if s.implicit {
		k.secure()
	}
	k.say("220 mail.example.com at your service")
	for {
		line, err := k.in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.hear(k.way, line)
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		if answer, ok := s.answers[verb]; ok {
			k.say(answer)
			continue
		}
		if !k.obey(verb, line) {
			return
		}
	}
}

func (k *talk) say(line string) { _, _ = fmt.Fprint(k.conn, line+"\r\n") }

func (k *talk) secure() {
	k.conn = tls.Server(k.conn, &tls.Config{Certificates: []tls.Certificate{k.cert}, MinVersion: tls.VersionTLS12})
	k.in, k.way = bufio.NewReader(k.conn), "tls"
}

// obey answers a command as a mail server does; false at the end.
func (k *talk) obey(verb, line string) bool {
	switch verb {
	case "EHLO":
		k.say("250-mail.example.com")
		if k.starts && k.way == "clear" {
			k.say("250-STARTTLS")
		}
		if k.auth != "" && k.way == "tls" {
			k.say("250-AUTH " + k.auth)
		}
		k.say("250 8BITMIME")
	case "STARTTLS":
		k.say("220 go ahead")
		k.secure()
	case "AUTH":
		k.signIn(line)
	case "RCPT":
		for _, r := range k.refuses {
			if strings.Contains(line, r) {
				k.say("550 no such user")
				return true
			}
		}
		k.say("250 ok")
	case "DATA":
		k.say("354 go on")
		k.letter()
		k.say("250 taken")
	case "QUIT":
		k.say("221 bye")
		return false
	default:
		k.say("250 ok")
	}
	return true
}

func (k *talk) signIn(line string) {
	ask := func(for_ string) string {
		k.say("334 " + base64.StdEncoding.EncodeToString([]byte(for_)))
		text, _ := k.in.ReadString('\n')
		b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		return string(b)
	}
	password := ""
	switch fields := strings.Fields(line); {
	case len(fields) == 3 && fields[1] == "PLAIN":
		b, _ := base64.StdEncoding.DecodeString(fields[2])
		parts := strings.Split(string(b), "\x00")
		password = parts[len(parts)-1]
	case len(fields) == 2 && fields[1] == "LOGIN":
		ask("User Name:")
		password = ask("Passwort:")
	}
	if password != k.password {
		k.say("535 " + password + " is wrong, as is " + base64.StdEncoding.EncodeToString([]byte(password)))
		return
	}
	k.say("235 welcome")
}

func (k *talk) letter() {
	var b strings.Builder
	for {
		line, err := k.in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mails = append(k.mails, b.String())
}
