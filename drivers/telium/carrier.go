package telium

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
)

// carrier carries messages: on a serial line by Concert's exchange, on TCP with a length before each. It keeps the
// contract of link.Exchange.
type carrier interface {
	Send(ctx context.Context, body []byte, leaving func(), take link.Take) error
	Receive(ctx context.Context, until time.Time, pokeable bool, take link.Take) ([]byte, error)
	Drain(ctx context.Context, quiet time.Duration) error
	Poke()
}

// maxBody is the longest message: a receipt as XML.
const maxBody = 16 << 10

// tcpGap is the longest pause within a message on TCP.
const tcpGap = 10 * time.Second

var errLength = errors.New("what comes on the line is not this protocol: check the port and the terminal's settings")

// stream is a TCP connection of the British dialect: two bytes of length, the higher first, then the body; nothing is
// acknowledged (telium sheet 6.1). Keep-alives are answered at once.
type stream struct {
	port  terminal.Port
	ear   *terminal.Ear
	count *terminal.Quality
	got   []byte
	queue [][]byte
}

func newStream(p terminal.Port, q *terminal.Quality) *stream {
	return &stream{port: p, ear: terminal.NewEar(p), count: q}
}

// Poke makes a pokeable Receive end with terminal.ErrPoked.
func (s *stream) Poke() { s.ear.Poke() }

// Send writes one message, once. There is nothing that could ask for it again.
func (s *stream) Send(ctx context.Context, body []byte, leaving func(), _ link.Take) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	leaving()
	_, err := s.port.Write(withLength(body))
	return err
}

func withLength(body []byte) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(body)), uint16(min(len(body), maxBody))), body...)
}

// Receive waits for a message that is no keep-alive.
func (s *stream) Receive(ctx context.Context, until time.Time, pokeable bool, take link.Take) ([]byte, error) {
	for {
		if len(s.queue) > 0 {
			body := s.queue[0]
			s.queue = s.queue[1:]
			if err := take(body); err != nil {
				return nil, err
			}
			return body, nil
		}
		if err := s.hear(ctx, until, pokeable); err != nil {
			return nil, err
		}
	}
}

// hear reads once and takes messages apart.
func (s *stream) hear(ctx context.Context, until time.Time, pokeable bool) error {
	limit, partial := until, len(s.got) > 0
	if gap := time.Now().Add(tcpGap); partial && gap.Before(until) {
		limit = gap
	}
	heard, err := s.ear.Hear(ctx, limit, pokeable)
	s.got = append(s.got, heard...)
	switch {
	case errors.Is(err, terminal.ErrSilent) && partial && limit.Before(until):
		return fmt.Errorf("a message of the terminal stopped in its middle: %w", errLength)
	case err != nil:
		return err
	}
	for len(s.got) >= 2 {
		n := int(binary.BigEndian.Uint16(s.got))
		if n == 0 || n > maxBody {
			return errLength
		}
		if len(s.got) < 2+n {
			break
		}
		body := s.got[2 : 2+n : 2+n]
		s.got = s.got[2+n:]
		s.count.Message()
		if reply := keepAlive(body); reply != nil {
			if _, err := s.port.Write(withLength(reply)); err != nil {
				return err
			}
			continue
		}
		s.queue = append(s.queue, body)
	}
	return nil
}

// Drain reads what has come unasked and keeps it for the next Receive.
func (s *stream) Drain(ctx context.Context, quiet time.Duration) error {
	for range 64 {
		err := s.hear(ctx, time.Now().Add(quiet), false)
		switch {
		case errors.Is(err, terminal.ErrSilent):
			return nil
		case err != nil:
			return err
		}
	}
	return terminal.ErrTalking
}
