//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"tillbridge/bridge"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
)

// powerLife is what is known of one life of the program when its images are judged.
type powerLife struct {
	n       int
	base    diskImage // the disk at its beginning
	log     []diskRecord
	seen    []witnessed // of the payment in hand, in this life and before
	uuid    string      // of the payment in hand; empty for none
	settled []settledPayment
	crashes []crash
	longest []journal.StoryEntry // of the payment in hand, in the images so far
}

// settledPayment is a payment that all sides agreed on, and when.
type settledPayment struct {
	bridge.Payment
	life, records int
}

// crashed is the disk after a power cut.
func (l *powerLife) crashed(c crash) diskImage { return l.base.after(l.log[:c.flushed], c.kept) }

// inspect opens the journal in an image as the program does and says what is wrong with it. An error means that the
// image could not be looked at.
func (s *powerShop) inspect(l *powerLife, c crash, v verdictOn) (wrong []string, err error) {
	dir, err := os.MkdirTemp(s.folder, "image-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file, mount := filepath.Join(dir, "image"), filepath.Join(dir, "disk")
	if err := errors.Join(l.crashed(c).save(file), os.Mkdir(mount, 0o700)); err != nil {
		return nil, err
	}
	if err := s.mountImage(file, mount); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unmount(mount)) }()
	j, err := journal.Open(context.Background(), filepath.Join(mount, "journal.db"), journal.Options{})
	if err != nil {
		return []string{"the journal does not open: " + err.Error()}, nil
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	problems, err := j.Verify(context.Background())
	for _, p := range problems {
		wrong = append(wrong, "the journal is damaged: "+p.String())
	}
	if err != nil {
		return wrong, err
	}
	more, err := l.promises(j, c, v)
	return append(wrong, more...), err
}

// mountImage mounts an image, after the repair that a computer makes at its start where that is needed.
func (s *powerShop) mountImage(file, mount string) error {
	err := mountLoop(file, mount, s.fs)
	var refused *mountError
	if !errors.As(err, &refused) || s.fs.repair == nil {
		return err
	}
	if e := repair(s.fs, file); e != nil {
		return errors.Join(err, e)
	}
	s.run.tally.add(func(t *powerTally) { t.repaired++ })
	return mountLoop(file, mount, s.fs)
}

// repair lets the file system's own tool mend an image.
func repair(fs fileSystemKind, file string) error {
	out, err := exec.Command(fs.repair[0], append(fs.repair[1:], file)...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() < 4 { // 1 and 2: mended
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", fs.repair[0], err, out)
	}
	return nil
}

// promises compares a journal with what the program had told by the cut.
func (l *powerLife) promises(j *journal.Journal, c crash, v verdictOn) (wrong []string, err error) {
	ctx := context.Background()
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, old := range l.settled {
		if old.life == c.life && old.records > c.records && !c.death {
			continue
		}
		p, there, err := j.Payment(ctx, old.UUID)
		if err != nil {
			return wrong, err
		}
		if !there || noticeOf(p) != noticeOf(old.Payment) {
			say("payment %s was settled as %s long ago, and is now %s", old.UUID, noticeOf(old.Payment), noticeOf(p))
		}
	}
	if l.uuid == "" {
		return wrong, nil
	}
	p, there, err := j.Payment(ctx, l.uuid)
	if err != nil {
		return wrong, err
	}
	story, err := j.Story(ctx, l.uuid)
	if err != nil {
		return wrong, err
	}
	told := claimed(l.seen, c, v.script)
	switch {
	case told.accepted && !there:
		say("answered 202, and the journal does not have it")
	case told.sent && p.Armed.IsZero():
		say("the terminal has the command, and the journal says %s", p.State)
	case told.voted && v.voted() && p.Seen == nil:
		say("the terminal's result was acknowledged, and the journal has none, and says %s", p.State)
	}
	if end := v.payment; end != nil && end.UUID == l.uuid && !p.Armed.IsZero() && p.Armed.Equal(end.Armed) && p.Mark != end.Mark {
		say("armed with the mark %q, and it had %q", p.Mark, end.Mark)
	}
	if money := v.captured(); told.voted && v.voted() && len(money) == 1 && p.Seen != nil && p.Seen.Outcome == terminal.Approved {
		v.payment = &p
		if !v.saw(money[0]) {
			say("the terminal's result was acknowledged, and the journal has another: %+v", *p.Seen)
		}
	}
	for _, state := range told.states {
		if !passed(story, state) {
			say("the program said that the journal has it as %s, and it has it as %s", state, p.State)
		}
	}
	for uuid, notice := range told.notices {
		p, _, err := j.Payment(ctx, uuid)
		if err != nil {
			return wrong, err
		}
		if noticeOf(p) != notice {
			say("MGR was told %s, and the journal has %s", notice, noticeOf(p))
		}
	}
	return append(wrong, l.sameStory(story)...), nil
}

// sameStory compares what the images of one life tell of the payment: of two, one is the beginning of the other.
func (l *powerLife) sameStory(story []journal.StoryEntry) []string {
	n := min(len(story), len(l.longest))
	same := func(a, b journal.StoryEntry) bool { return reflect.DeepEqual(a, b) }
	if !slices.EqualFunc(story[:n], l.longest[:n], same) {
		return []string{fmt.Sprintf("two images of one life tell different stories: %+v and %+v", story, l.longest)}
	}
	if len(story) > n {
		l.longest = story
	}
	return nil
}

func passed(story []journal.StoryEntry, state bridge.State) bool {
	for _, e := range story {
		if e.State == state {
			return true
		}
	}
	return false
}

// noticeOf is what MGR is told of a payment, in one line.
func noticeOf(p bridge.Payment) string {
	n, ok := p.Notice()
	switch {
	case !ok:
		return "nothing"
	case !n.Approved:
		return standin.Denied
	}
	return noticeLine(standin.Approved, n.AuthCode, n.TxnRef)
}

func noticeLine(outcome, authCode, reference string) string {
	return strings.TrimSpace(outcome + " " + authCode + " " + reference)
}
