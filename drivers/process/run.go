package process

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"

	"tillbridge/terminal"
)

// run starts the command in a process group of its own. It gets what a program needs of the environment and no more: the
// bridge's own may hold its passcode.
func run(o *Options, e terminal.Env) (io.Reader, io.WriteCloser, func(), error) {
	cmd := exec.Command(o.Command[0], o.Command[1:]...)
	for _, name := range []string{"PATH", "HOME", "LANG", "TZ", "TMPDIR", "TEMP", "SYSTEMROOT"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	group(cmd)
	cmd.Stderr = &complaints{log: e.Log}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	cmd.Stdout = w
	err = cmd.Start()
	err = errors.Join(err, w.Close()) // the program has its own
	if err != nil {
		return nil, nil, nil, errors.Join(err, r.Close())
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if err := cmd.Wait(); err != nil {
			e.Log.Info("the program ended", "error", terminal.MaskCardNumbers(err.Error()))
		}
	}()
	kill := sync.OnceFunc(func() {
		killGroup(cmd)
		<-gone
	})
	return output{r}, in, kill, nil
}

// output is the program's standard output, closed at its end.
type output struct{ *os.File }

func (o output) Read(b []byte) (int, error) {
	n, err := o.File.Read(b)
	if err != nil {
		_ = o.Close() // nothing more comes
	}
	return n, err
}

const (
	complaintLines = 200 // that are kept of one run
	complaintMost  = 300 // bytes of a line
)

// complaints puts a program's standard error into the log: by lines, masked and bounded.
type complaints struct {
	log  *slog.Logger
	part []byte
	n    int
}

func (c *complaints) Write(b []byte) (int, error) {
	whole := len(b)
	for len(b) > 0 && c.n < complaintLines {
		line, rest, end := bytes.Cut(b, []byte("\n"))
		c.part = append(c.part, line[:min(len(line), complaintMost-min(len(c.part), complaintMost))]...)
		if b = rest; !end {
			break
		}
		if c.n++; c.n == complaintLines {
			c.part = []byte("(what else it says is not kept)")
		}
		c.log.Info("the program complains", "text", terminal.MaskCardNumbers(string(bytes.ToValidUTF8(c.part, nil))))
		c.part = nil
	}
	return whole, nil
}
