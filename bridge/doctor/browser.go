package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// browser is one that keeps web pages from this machine unless a policy lets them (Local Network Access, from version
// 140 of the browsers of this family).
type browser struct {
	name     string
	program  []string // on Linux, any of them
	folder   string   // of its policies on Linux
	exe, key string   // on Windows: the program, and the policies in the registry
}

// policyNames are those of the policies that let a web origin call this machine.
func policyNames() []string {
	return []string{"LocalNetworkAccessAllowedForUrls", "LoopbackNetworkAccessAllowedForUrls"}
}

func browsers() []browser {
	return []browser{
		{"Google Chrome", []string{"/opt/google/chrome/chrome", "/usr/bin/google-chrome"}, "/etc/opt/chrome/policies/managed", "chrome.exe", `HKLM\SOFTWARE\Policies\Google\Chrome`},
		{"Microsoft Edge", []string{"/opt/microsoft/msedge/msedge", "/usr/bin/microsoft-edge"}, "/etc/opt/edge/policies/managed", "msedge.exe", `HKLM\SOFTWARE\Policies\Microsoft\Edge`},
		{"Chromium", []string{"/usr/bin/chromium", "/usr/bin/chromium-browser"}, "/etc/chromium/policies/managed", "chromium.exe", `HKLM\SOFTWARE\Policies\Chromium`},
	}
}

// checkBrowser looks whether the browsers of this machine let MGR's page call the bridge.
func checkBrowser(ctx context.Context, x *exam) []Finding {
	origins := x.Settings.MGR.AllowedOrigins
	switch {
	case x.Wrong != nil:
		return []Finding{unchecked("browser", "", "the settings must be right first")}
	case len(origins) == 0:
		return []Finding{good("browser", "", "No web page may call the bridge, as the settings say (allowed_origins), so that no policy is needed.")}
	case x.OS != "linux" && x.OS != "windows":
		return []Finding{unchecked("browser", "", "this program does not know where "+x.OS+" keeps browsers' policies")}
	}
	var all []Finding
	for _, b := range browsers() {
		if !x.installed(ctx, b) {
			continue
		}
		var missing []string
		allowed := x.allowed(ctx, b)
		for _, o := range origins {
			if !slices.ContainsFunc(allowed, func(p string) bool { return covers(p, o) }) {
				missing = append(missing, o)
			}
		}
		if len(missing) == 0 {
			all = append(all, good("browser", b.name, "Its policy lets %s call the bridge.", strings.Join(origins, ", ")))
			continue
		}
		all = append(all, warning("browser", b.name, "No policy of %s lets %s call this machine. Where MGR calls from the browser, it asks the clerk for leave, and is refused for good after a wrong click.", b.name, strings.Join(missing, ", ")).
			do("Set the policy, then close the browser and open it again; chrome://policy shows it. Nothing is needed if MGR's server calls.", x.setPolicy(b, missing)...))
	}
	if len(all) == 0 {
		return []Finding{unchecked("browser", "", "no browser of the Chrome family was found; others keep such a policy elsewhere or have none")}
	}
	return all
}

func (x *exam) installed(ctx context.Context, b browser) bool {
	if x.OS == "windows" {
		_, code, err := x.Run(ctx, "reg", "query", `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\`+b.exe)
		return err == nil && code == 0
	}
	return slices.ContainsFunc(b.program, func(path string) bool {
		_, err := x.Stat(path)
		return err == nil
	})
}

// allowed is the patterns of the policies that are set.
func (x *exam) allowed(ctx context.Context, b browser) (patterns []string) {
	if x.OS == "windows" {
		for _, name := range policyNames() {
			out, code, err := x.Run(ctx, "reg", "query", b.key+`\`+name)
			if err == nil && code == 0 {
				patterns = append(patterns, parseRegistryList(out)...)
			}
		}
		return patterns
	}
	files, _ := x.Glob(b.folder + "/*.json") // the pattern is right
	for _, f := range files {
		data, err := x.ReadFile(f, 1<<20)
		if err != nil {
			continue
		}
		var policies map[string]json.RawMessage
		if json.Unmarshal(data, &policies) != nil {
			continue
		}
		for _, name := range policyNames() {
			var list []string
			if json.Unmarshal(policies[name], &list) == nil {
				patterns = append(patterns, list...)
			}
		}
	}
	return patterns
}

// parseRegistryList reads "reg query" of a key with numbered values: "    1    REG_SZ    https://…".
func parseRegistryList(out string) (values []string) {
	for l := range strings.Lines(out) {
		_, value, ok := strings.Cut(l, "REG_SZ")
		if value = strings.TrimSpace(value); ok && value != "" {
			values = append(values, value)
		}
	}
	return values
}

// covers tells whether a URL pattern lets an origin in. Only the forms that are in use for this are known: all, the
// origin itself, with or without a path, and [*.]host.
func covers(pattern, origin string) bool {
	pattern = strings.TrimSuffix(strings.TrimSuffix(pattern, "*"), "/")
	if pattern == "" || pattern == origin {
		return true
	}
	scheme, host, _ := strings.Cut(origin, "://")
	ps, ph, ok := strings.Cut(pattern, "://")
	if !ok {
		ps, ph = scheme, pattern
	}
	wide, ok := strings.CutPrefix(ph, "[*.]")
	return ps == scheme && (ph == host || ok && (host == wide || strings.HasSuffix(host, "."+wide)))
}

func (x *exam) setPolicy(b browser, origins []string) []string {
	if x.OS == "windows" {
		var commands []string
		for i, o := range origins {
			commands = append(commands, fmt.Sprintf(`reg add "%s\%s" /v %d /t REG_SZ /d %s`, b.key, policyNames()[0], 8473+i, o))
		}
		return commands
	}
	list, _ := json.Marshal(map[string][]string{policyNames()[0]: origins}) // texts only: it cannot fail
	return []string{"sudo mkdir -p " + b.folder, "echo '" + string(list) + "' | sudo tee " + b.folder + "/tillbridge.json"}
}
