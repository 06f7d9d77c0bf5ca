package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"tillbridge/bridge/config"
	"tillbridge/bridge/health"
)

// mistakesShown bounds how many mistakes of the settings are findings of their own.
const mistakesShown = 8

// checkSettings reads what the settings' own check says.
func checkSettings(_ context.Context, x *exam) []Finding {
	check := "tillbridge check --config " + x.arg(x.File)
	var wrong config.Errors
	switch {
	case x.Wrong == nil:
	case !errors.As(x.Wrong, &wrong):
		return []Finding{fault("settings", "", "%s", sentence(x.Wrong.Error())).do("Mend the settings file and look at it again.", check)}
	default:
		return x.mistakes(wrong, check)
	}
	var all []Finding
	for _, w := range x.Settings.Warnings {
		if ownCheck(w) {
			continue
		}
		all = append(all, warning("settings", w.Path, "%s", place(w)).do(sentence(w.Allowed)))
	}
	if len(all) == 0 {
		all = append(all, good("settings", "", "%s is right, with %s.", x.File, count(len(x.Settings.Terminals), "terminal", "terminals")))
	}
	return all
}

// ownCheck tells whether another check looks at what a warning is about, and says more.
func ownCheck(w *config.Error) bool {
	if strings.HasPrefix(w.Path, "alarms.") {
		return false
	}
	return w.Path == "insecure_lan" && !strings.Contains(w.Message, "no effect") || strings.HasPrefix(w.Path, "mgr.passcode") && !strings.Contains(w.Message, "not used") ||
		strings.Contains(w.Message, "can be read by every user") || strings.Contains(w.Message, "others may read it")
}

func (x *exam) mistakes(wrong config.Errors, check string) []Finding {
	var all []Finding
	for i, e := range wrong {
		if i == mistakesShown {
			all = append(all, fault("settings", "", "There are %d more mistakes in the settings.", len(wrong)-i).do("See all of them:", check))
			break
		}
		remedy, commands := sentence(e.Allowed), []string(nil)
		if remedy == "" {
			remedy, commands = "Compare it with config.example.yaml.", []string{check}
		}
		all = append(all, fault("settings", e.Path, "%s", place(e)).do(remedy, commands...))
	}
	return all
}

// checkTold tells who hears of alarms beside the counter screen.
func checkTold(_ context.Context, x *exam) []Finding {
	a := x.Settings.Alarms
	var ways []string
	switch {
	case x.Wrong != nil:
		return later(nil, "the settings must be right first", "told")
	case a == nil:
		return []Finding{good("told", "", "Alarms stand on the counter screen alone. With alarms in the settings they come by e-mail or go to a web address too.")}
	}
	if a.Email != nil {
		ways = append(ways, fmt.Sprintf("by e-mail through %s to %s", a.Email.SMTP, count(len(a.Email.To), "address", "addresses")))
	}
	if a.Webhook != nil {
		ways = append(ways, "to a web address")
	}
	return []Finding{good("told", "", "Alarms are told %s. Why one could not be is in the log.", strings.Join(ways, " and "))}
}

// place is a mistake with where it stands.
func place(e *config.Error) string {
	at := e.File
	if e.Line > 0 {
		at = fmt.Sprintf("%s, line %d", e.File, e.Line)
	}
	return sentence(at + ": " + e.Message)
}

// readable is a file whose content must stay with the bridge.
type readable struct {
	path, what string
}

// checkFiles looks at who may read what is secret.
func checkFiles(_ context.Context, x *exam) []Finding {
	s := x.Settings
	list := []readable{{x.File, "the settings"}}
	if _, path, ok := strings.Cut(s.MGR.PasscodeFrom, "passcode_file "); ok {
		list = append(list, readable{path, "the passcode"})
	}
	if s.TLS != nil {
		list = append(list, readable{s.TLS.Key, "the key of the certificate"})
	}
	list = append(list, readable{s.CounterPasswordFile, "the counter screen's password"}, readable{s.OwnerPasswordFile, "the owner's password"},
		readable{s.APITokenFile, "the API's token"},
		readable{s.Journal, "the journal"}, readable{s.Journal + "-wal", "the journal's log"}, readable{health.FileName(s.Journal), "the way to the running bridge"})
	if x.OS == "windows" {
		return []Finding{{
			Check: "files", Verdict: NotChecked, Text: "Windows keeps the rights to files in lists that are not read here. Look at them yourself: nobody but the service, the system and administrators should be in them.",
			Commands: []string{"icacls \"" + x.File + "\"", "icacls \"" + folder(s.Journal) + "\""},
		}}
	}
	var all []Finding
	seen := 0
	for _, r := range list {
		f, err := x.Stat(r.path)
		switch {
		case isAbsent(err):
		case err != nil:
			all = append(all, unchecked("files", r.path, fmt.Sprintf("%s may not be looked at by this user (%v); run doctor with sudo", r.what, plain(err))))
		default:
			seen++
			all = append(all, rights(r, f)...)
		}
	}
	if dir, err := x.Stat(folder(s.Journal)); err == nil && dir.Mode.Perm()&0o022 != 0 && dir.Mode&fs.ModeSticky == 0 {
		all = append(all, warning("files", folder(s.Journal), "Others may write into the folder of the journal (%s).", dir.Mode.Perm()).
			do("Close the folder:", "sudo chmod go-w "+shell(folder(s.Journal))))
	}
	if len(all) == 0 && seen == 0 {
		all = append(all, unchecked("files", "", "none of the bridge's files is there yet"))
	}
	if len(all) == 0 {
		all = append(all, good("files", "", "%s of the bridge, each closed to others.", count(seen, "file", "files")))
	}
	return all
}

// rights is what is wrong with who may use a file. The group of the service, and a user's own group, are meant to be
// let in.
func rights(r readable, f File) []Finding {
	who, change := "", ""
	trusted := f.Group == "tillbridge" || f.Group == "root" || f.Group == f.Owner && f.Group != ""
	switch {
	case f.Mode.Perm()&0o007 != 0:
		who, change = "every user of this machine", "o-rwx"
		if f.Mode.Perm()&0o070 != 0 && !trusted {
			change = "go-rwx"
		}
	case f.Mode.Perm()&0o060 != 0 && !trusted:
		who, change = "everybody in the group "+f.Group, "g-rwx"
	default:
		return nil
	}
	what := strings.ToUpper(r.what[:1]) + r.what[1:]
	return []Finding{warning("files", r.path, "%s in %s can be read or changed by %s (%s).", what, r.path, who, f.Mode.Perm()).
		do("Close the file to others. Where it held the passcode, set a new one here and in MGR.", "sudo chmod "+change+" "+shell(r.path))}
}

// folder is the folder of a path in either system's writing.
func folder(path string) string {
	if i := strings.LastIndexByte(path, '\\'); i > 0 {
		return path[:i]
	}
	return filepath.Dir(path)
}

// plain is a file error without its path.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
