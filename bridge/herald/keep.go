package herald

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"tillbridge/bridge/durable"
)

// The form of the file.
const (
	fileVersion = 1
	fileMost    = 16 << 20 // bytes; twice what two full ways can come to
)

// kept is the content of the file.
type kept struct {
	Version int                `json:"version"`
	Ways    map[string]keptWay `json:"ways"`
}

type keptWay struct {
	Told    map[string]Event `json:"told"`
	Queue   []waiting        `json:"queue"`
	LeftOut int              `json:"left_out,omitempty"`
}

// load takes up what an earlier run kept. No file is a good one.
func (h *Herald) load() error {
	f, err := os.Open(h.config.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(f, fileMost))
	var k kept
	if err = errors.Join(err, f.Close()); err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err == nil && k.Version != fileVersion {
		err = fmt.Errorf("%s is of version %d, this program knows %d", h.config.File, k.Version, fileVersion)
	}
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.ways {
		old := k.Ways[w.name]
		for key, e := range old.Told {
			if len(w.told) < maxTold {
				w.told[key] = e
			}
		}
		w.leftOut = max(old.LeftOut, 0)
		for _, one := range old.Queue {
			w.push(one.Event, one.Since)
		}
	}
	return nil
}

// keep writes down what was told and what is to be told.
func (h *Herald) keep() {
	h.keeping.Lock() // so that the newest is written last
	defer h.keeping.Unlock()
	k := kept{Version: fileVersion, Ways: map[string]keptWay{}}
	h.mu.Lock()
	for _, w := range h.ways {
		k.Ways[w.name] = w.kept()
	}
	h.mu.Unlock()
	b, err := json.Marshal(k)
	if err == nil {
		err = durable.Write(h.config.File, b)
	}
	if err != nil {
		h.log.warn("what the owner was told cannot be kept; after a restart it may come again", err.Error())
	}
}
