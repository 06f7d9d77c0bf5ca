package terminal_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

func TestEar(t *testing.T) {
	ear := func(t *testing.T, f func(t *testing.T, e *terminal.Ear, far *simulate.PipeEnd)) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			near, far := simulate.Pipe()
			defer near.Close()
			f(t, terminal.NewEar(near), far)
		})
	}
	want := func(t *testing.T, got []byte, err error, bytes string, is error) {
		t.Helper()
		if string(got) != bytes || !errors.Is(err, is) || is == nil && err != nil {
			t.Errorf("heard %q, %v; want %q, %v", got, err, bytes, is)
		}
	}
	t.Run("bytes", func(t *testing.T) {
		ear(t, func(t *testing.T, e *terminal.Ear, far *simulate.PipeEnd) {
			time.AfterFunc(time.Second, func() { _, _ = far.Write([]byte("ab")) })
			b, err := e.Hear(t.Context(), time.Now().Add(time.Minute), true)
			want(t, b, err, "ab", nil)
		})
	})
	t.Run("silence", func(t *testing.T) {
		ear(t, func(t *testing.T, e *terminal.Ear, _ *simulate.PipeEnd) {
			began := time.Now()
			b, err := e.Hear(t.Context(), began.Add(time.Minute), true)
			want(t, b, err, "", terminal.ErrSilent)
			if took := time.Since(began); took != time.Minute {
				t.Errorf("waited %s", took)
			}
		})
	})
	t.Run("poke", func(t *testing.T) {
		ear(t, func(t *testing.T, e *terminal.Ear, far *simulate.PipeEnd) {
			e.Poke()
			b, err := e.Hear(t.Context(), time.Now().Add(time.Minute), true)
			want(t, b, err, "", terminal.ErrPoked)
			time.AfterFunc(time.Second, e.Poke)
			began := time.Now()
			b, err = e.Hear(t.Context(), began.Add(time.Minute), true)
			want(t, b, err, "", terminal.ErrPoked)
			if took := time.Since(began); took != time.Second {
				t.Errorf("a poke after a second was noticed after %s", took)
			}
			_, _ = far.Write([]byte("c")) // and it counts once
			b, err = e.Hear(t.Context(), time.Now().Add(time.Minute), true)
			want(t, b, err, "c", nil)
		})
	})
	t.Run("a poke waits for a wait that is for it", func(t *testing.T) {
		ear(t, func(t *testing.T, e *terminal.Ear, _ *simulate.PipeEnd) {
			time.AfterFunc(time.Second, e.Poke)
			until := time.Now().Add(time.Minute)
			b, err := e.Hear(t.Context(), until, false)
			want(t, b, err, "", nil) // waked, nothing to tell
			b, err = e.Hear(t.Context(), until, false)
			want(t, b, err, "", terminal.ErrSilent)
			b, err = e.Hear(t.Context(), until, true)
			want(t, b, err, "", terminal.ErrPoked)
		})
	})
	t.Run("end of the context", func(t *testing.T) {
		ear(t, func(t *testing.T, e *terminal.Ear, _ *simulate.PipeEnd) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			b, err := e.Hear(ctx, time.Now().Add(time.Minute), true)
			want(t, b, err, "", context.DeadlineExceeded)
		})
	})
	t.Run("cut", func(t *testing.T) {
		ear(t, func(t *testing.T, e *terminal.Ear, far *simulate.PipeEnd) {
			time.AfterFunc(time.Second, far.Cut)
			b, err := e.Hear(t.Context(), time.Now().Add(time.Minute), true)
			want(t, b, err, "", simulate.ErrCut)
			b, err = e.Hear(t.Context(), time.Now().Add(time.Minute), true)
			want(t, b, err, "", simulate.ErrCut)
		})
	})
}
