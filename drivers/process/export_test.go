package process

import (
	"context"
	"io"

	"tillbridge/terminal"
)

// Through is a driver behind the boundary: a process driver whose program is Serve in this process, over pipes in memory.
func Through(d terminal.Driver, inner func(terminal.LinkKind) any) terminal.Driver {
	out := Driver()
	out.Name, out.Evidence, out.Line, out.Simulate, out.Describe = d.Name+"-process", d.Evidence, d.Line, d.Simulate, d.Describe
	out.Options = func() any {
		o := NewOptions()
		o.Command, o.Declared = []string{"in memory"}, evidenceWords(d.Evidence)
		return o
	}
	out.Open = func(ctx context.Context, e terminal.Env, options any) (terminal.Session, error) {
		return open(ctx, e, options, func(_ *Options, e terminal.Env) (io.Reader, io.WriteCloser, func(), error) {
			hear, in := io.Pipe()
			said, say := io.Pipe()
			own, cancel := context.WithCancel(context.Background())
			e.Currency = terminal.Currency{} // it comes with the handshake
			go func() {
				defer cancel()
				err := Serve(own, d, e, inner(e.Link), hear, say)
				if err != nil {
					e.Log.Info("the program ended", "error", err)
				}
				_ = hear.Close()
				_ = say.Close()
			}()
			return said, in, func() { cancel(); _ = hear.Close(); _ = said.Close() }, nil
		})
	}
	return out
}

// Kill kills the program of a session, as a crash would.
func Kill(s terminal.Session) {
	c := s.(*session).child
	c.kill()
	<-c.done
}
