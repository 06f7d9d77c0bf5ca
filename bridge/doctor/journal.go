package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/journal"
)

// What counts as much.
const (
	owedMany     = 10             // notices that wait
	triesMany    = 20             // of one notice; some ten minutes
	holdOld      = 24 * time.Hour // of a payment that is not known
	diskNeeds    = 16 << 20       // bytes: the journal takes no new payment with less than 8 MiB
	diskTight    = 512 << 20      // bytes
	problemsMost = 3              // shown of a damaged journal
)

// checkJournal opens the journal to read and checks all of it.
func checkJournal(ctx context.Context, x *exam) []Finding {
	path := x.Settings.Journal
	j, err := x.OpenJournal(path)
	if err != nil {
		return []Finding{x.unopened(path, err)}
	}
	defer j.Close()
	problems, err := j.Verify(ctx)
	switch {
	case len(problems) > 0:
		return []Finding{damaged(path, problems).do("Take no more payments until it is looked at. Keep a copy of the file with its -wal file, make a support bundle, and put the last good copy in its place. MGR's and the terminal's own lists tell what was paid.",
			append(x.serviceCommand("stop"), x.copyJournal(path)...)...)}
	case errors.Is(err, context.DeadlineExceeded):
		return []Finding{unchecked("journal", path, "it is too large to be read to its end in the time for this check")}
	case err != nil:
		return []Finding{x.unopened(path, err)}
	}
	return []Finding{good("journal", path, "It is whole: every entry of every payment follows the one before, and SQLite finds nothing wrong.")}
}

func damaged(path string, problems []journal.Problem) Finding {
	var texts []string
	for _, p := range problems[:min(len(problems), problemsMost)] {
		texts = append(texts, short(p.String(), 200))
	}
	return fault("journal", path, "The journal is damaged, %s: %s", count(len(problems), "problem", "problems"), sentence(strings.Join(texts, "; ")))
}

func (x *exam) copyJournal(path string) []string {
	if x.OS == "windows" {
		return []string{fmt.Sprintf(`copy "%s*" "%%USERPROFILE%%"`, path)}
	}
	return []string{"sudo cp -a " + shell(path) + "* ~/"}
}

// unopened tells why a journal cannot be read.
func (x *exam) unopened(path string, err error) Finding {
	var version *journal.VersionError
	var foreign *journal.ForeignError
	var broken *journal.DamagedError
	switch {
	case isAbsent(err):
		if dir, serr := x.Stat(folder(path)); serr == nil && dir.Mode.IsDir() {
			return good("journal", path, "There is none yet; the bridge makes it at its first start.")
		}
		return warning("journal", path, "There is neither the journal nor its folder yet. The bridge makes both at its first start, if its user may.").
			do("Make the folder for the user who runs tillbridge, or correct journal in the settings.")
	case errors.As(err, &version) && version.Found > version.Known:
		return fault("journal", path, "The journal was written by a newer tillbridge (version %d of its form, this one knows %d). It was not touched.", version.Found, version.Known).
			do("Install the newer tillbridge again; an older one cannot use its journal.")
	case errors.As(err, &version):
		return warning("journal", path, "The journal is in an older form (version %d, this tillbridge uses %d).", version.Found, version.Known).
			do("Start the service once, which brings it up to date:", x.serviceCommand("start")...)
	case errors.As(err, &foreign):
		return fault("journal", path, "The file is not a journal of tillbridge (%s). It was not touched.", foreign.Why).
			do("Move it away, or name another file for journal in the settings.")
	case errors.As(err, &broken):
		return fault("journal", path, "The journal is damaged: %s", sentence(broken.Err.Error())).
			do("Keep a copy of it with its -wal file, make a support bundle, and put the last good copy in its place.", append(x.serviceCommand("stop"), x.copyJournal(path)...)...)
	}
	return unchecked("journal", path, "this user cannot read it ("+err.Error()+"); run doctor with sudo, or as the service's user")
}

// checkPayments looks at what waits: outcomes for MGR, payments that are not known, alarms.
func checkPayments(ctx context.Context, x *exam) []Finding {
	j, err := x.OpenJournal(x.Settings.Journal)
	if err != nil {
		why := "the journal must be readable first"
		if isAbsent(err) {
			why = "there is no journal yet"
		}
		return later(nil, why, "notices", "holds", "alarms")
	}
	defer j.Close()
	return []Finding{x.notices(ctx, j), x.holds(ctx, j), x.alarms(ctx, j)}
}

func (x *exam) notices(ctx context.Context, j Journal) Finding {
	n, err := j.Owed(ctx)
	if err != nil {
		return unchecked("notices", "", err.Error())
	}
	// Those that are put off are put off for less than a day.
	list, err := j.Due(ctx, x.Now().Add(23*time.Hour), 1000)
	if err != nil {
		return unchecked("notices", "", err.Error())
	}
	tries, last := 0, ""
	for _, one := range list {
		if one.Attempts >= tries && one.LastError != "" {
			last = one.LastError
		}
		tries = max(tries, one.Attempts)
	}
	said := ""
	if last != "" {
		said = " The last try: " + sentence(last)
	}
	text := fmt.Sprintf("%s for MGR, tried up to %s so far.%s", waits(n), count(tries, "time", "times"), said)
	remedy := "Mend what is told here of the way to MGR. They are sent by themselves as soon as MGR takes them, and none is lost. Until then compare with MGR's own list before anybody charges a customer again."
	switch {
	case n == 0:
		return good("notices", "", "MGR has the outcome of every decided payment.")
	case n >= owedMany || tries >= triesMany:
		return fault("notices", "", "%s", text).do(remedy)
	case tries > 0:
		return warning("notices", "", "%s", text).do(remedy)
	}
	return good("notices", "", "%s for MGR and was not tried yet.", waits(n))
}

func waits(n int) string {
	if n == 1 {
		return "1 outcome waits"
	}
	return itoa(n) + " outcomes wait"
}

func (x *exam) holds(ctx context.Context, j Journal) Finding {
	list, err := j.Unsettled(ctx)
	if err != nil {
		return unchecked("holds", "", err.Error())
	}
	var held []bridge.Payment
	old := 0
	for _, p := range list {
		if !p.State.NotKnown() && (x.running || !p.State.InFlight()) {
			continue
		}
		held = append(held, p)
		if x.Now().Sub(p.Received) > holdOld {
			old++
		}
	}
	if len(held) == 0 {
		return good("holds", "", "No payment waits for a decision.")
	}
	p := held[0]
	text := fmt.Sprintf("It is not known whether the money moved in %s. The oldest: %s of %s on %s, payment %s.", count(len(held), "payment", "payments"), p.Amount, p.Received.Local().Format("2006-01-02 15:04"), p.Terminal, p.UUID)
	remedy := "Look at the receipt, the terminal's own list or the bank's, and say on the counter screen, under Now, whether it was paid. Charge nobody again before."
	commands := []string{"tillbridge payments show " + x.arg(p.UUID) + " --config " + x.arg(x.File)}
	if old > 0 {
		return fault("holds", "", "%s %s older than a day, and the terminal may take no sale until that is settled.", text, are(old)).do(remedy, commands...)
	}
	return warning("holds", "", "%s", text).do(remedy, commands...)
}

func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return itoa(n) + " are"
}

func (x *exam) alarms(ctx context.Context, j Journal) Finding {
	list, err := j.Alarms(ctx)
	switch {
	case err != nil:
		return unchecked("alarms", "", err.Error())
	case len(list) == 0:
		return good("alarms", "", "None stands.")
	}
	return warning("alarms", "", "%s, the newest of %s: %s", stand(len(list)), list[0].At.Local().Format("2006-01-02 15:04"), sentence(short(list[0].Text, 300))).
		do("Read them on the counter screen, under Now, and clear each that is dealt with.")
}

func stand(n int) string {
	if n == 1 {
		return "1 alarm stands"
	}
	return itoa(n) + " alarms stand"
}

// checkDisk looks at the space for the journal and whether it may be written.
func checkDisk(_ context.Context, x *exam) []Finding {
	path := x.Settings.Journal
	dir := folder(path)
	d, err := x.Disk(dir)
	if isAbsent(err) {
		return []Finding{unchecked("disk", dir, "the folder of the journal is not there yet")}
	}
	if err != nil {
		return []Finding{unchecked("disk", dir, err.Error())}
	}
	f, serr := x.Stat(path)
	free := fmt.Sprintf("%d MiB", d.FreeBytes>>20)
	switch {
	case d.ReadOnly:
		return []Finding{fault("disk", dir, "The disk of the journal is mounted read-only, so that no payment can be taken. Linux does that by itself when a disk fails.").
			do("Save what is on it, look at the system's log for disk errors, and have the disk checked or changed.", "sudo dmesg --level=err | tail", "findmnt -T "+shell(dir))}
	case serr == nil && f.Mode.Perm()&0o200 == 0:
		return []Finding{fault("disk", dir, "The journal %s is marked read-only (%s), so that no payment can be taken.", path, f.Mode.Perm()).do("Let the service write it:", x.writable(path))}
	case d.FreeBytes < diskNeeds:
		return []Finding{fault("disk", dir, "The disk of the journal is full: %s are free. New payments are refused; those under way are still brought to their end.", free).
			do("Make room: old logs, downloads, the package manager's cache.", x.makeRoom()...)}
	case d.FreeBytes < diskTight:
		return []Finding{warning("disk", dir, "The disk of the journal is nearly full: %s are free.", free).do("Make room: old logs, downloads, the package manager's cache.", x.makeRoom()...)}
	}
	return []Finding{good("disk", dir, "%d GiB are free, which is enough for years.", max(d.FreeBytes>>30, 1))}
}

func (x *exam) writable(path string) string {
	if x.OS == "windows" {
		return `attrib -r "` + path + `"`
	}
	return "sudo chmod u+w " + shell(path)
}

func (x *exam) makeRoom() []string {
	if x.OS == "windows" {
		return []string{"cleanmgr"}
	}
	return []string{"sudo journalctl --vacuum-size=200M", "df -h"}
}
