//go:build unix

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	browserPatience = 2 * time.Minute        // for each thing that must come to be on a page
	browserTick     = 100 * time.Millisecond // between two looks at a page
	browserTries    = 3                      // to start a browser
)

// elementKey is how WebDriver marks a reference to an element, from the W3C's paper.
const elementKey = "element-6066-11e4-a52e-4f735466cecf"

// browser is a headless Chromium that is driven through chromedriver by W3C WebDriver. One goroutine uses it.
type browser struct {
	t       testing.TB
	client  *http.Client
	driver  *exec.Cmd
	folder  string // profile, logs and temporary files of both programs; its name stands in their command lines
	session string // URL
	shots   int    // states that were looked at
}

// openBrowser starts a browser that ends with the test. It is skipped where there is none to drive.
func openBrowser(t testing.TB) *browser {
	t.Helper()
	driver, err := exec.LookPath("chromedriver")
	if err != nil {
		t.Skip("there is no chromedriver on the PATH; Debian has it in the package chromium-driver")
	}
	for n := 1; ; n++ {
		b := &browser{t: t, client: &http.Client{Timeout: browserPatience}}
		err := b.start(driver)
		if err == nil {
			t.Cleanup(b.close)
			return b
		}
		text, _ := os.ReadFile(filepath.Join(b.folder, "chromedriver.log"))
		b.close()
		if n == browserTries {
			t.Fatalf("start a browser: %v\n%s", err, text[max(0, len(text)-4000):])
		}
		t.Logf("try %d to start a browser: %v", n, err)
	}
}

func (b *browser) start(driver string) error {
	var err error
	if b.folder, err = os.MkdirTemp("", "tillbridge-browser-"); err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(b.folder, "out"))
	if err != nil {
		return err
	}
	defer out.Close()
	// Output goes to files: a browser that outlives its driver would hold a pipe open.
	cmd := exec.Command(driver, "--port=0", "--log-path="+filepath.Join(b.folder, "chromedriver.log"))
	cmd.Env = append(os.Environ(), "TMPDIR="+b.folder, "HOME="+b.folder, "XDG_CONFIG_HOME="+b.folder, "XDG_CACHE_HOME="+b.folder)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	b.driver = cmd
	port := regexp.MustCompile(`started successfully on port (\d+)`)
	address := ""
	if !poll(func() bool {
		text, _ := os.ReadFile(out.Name())
		if m := port.FindSubmatch(text); m != nil {
			address = "http://127.0.0.1:" + string(m[1])
		}
		return address != ""
	}) {
		return errors.New("chromedriver names no port")
	}
	return b.newSession(address)
}

func (b *browser) newSession(address string) error {
	options := map[string]any{"args": []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-breakpad", "--hide-scrollbars", "--lang=en",
		"--window-size=1280,1000", "--user-data-dir=" + filepath.Join(b.folder, "profile"),
	}}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			options["binary"] = path
			break
		}
	}
	var made struct{ SessionID string }
	err := b.call(http.MethodPost, address+"/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": map[string]string{"browser": "ALL"},
		"timeouts": map[string]int64{"script": browserPatience.Milliseconds(), "pageLoad": browserPatience.Milliseconds(), "implicit": 0},
	}}}, &made)
	b.session = address + "/session/" + made.SessionID
	return err
}

// close ends the browser with everything that it started. What is left of its folder is left: Chromium writes
// into its profile to the very end, and a file more among the system's temporary files harms nobody.
func (b *browser) close() {
	if b.session != "" {
		quick := &http.Client{Timeout: 20 * time.Second}
		if req, err := http.NewRequest(http.MethodDelete, b.session, nil); err == nil {
			if resp, err := quick.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}
	}
	if b.driver != nil {
		_ = syscall.Kill(-b.driver.Process.Pid, syscall.SIGKILL) // it may have ended already
		endFamily(b.t, b.folder)
		_ = b.driver.Wait() // it was killed
	}
	for tries := 0; !poll(func() bool { tries++; return os.RemoveAll(b.folder) == nil || tries == 20 }); {
		b.t.Logf("%s cannot be removed", b.folder)
		return
	}
}

// endFamily kills the processes that have a folder of this test's own in their command line, and those that
// descend from them, until there are none. It finds them where there is a /proc.
func endFamily(t testing.TB, folder string) {
	if folder == "" {
		return
	}
	tries := 0
	if !poll(func() bool {
		tries++
		all := family(folder)
		for pid := range all {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
		}
		return len(all) == 0 || tries == 300
	}) || tries == 300 {
		t.Logf("processes of %s are left: %v", folder, family(folder))
	}
}

// family finds the living processes that endFamily means.
func family(folder string) map[int]bool {
	parents, found := map[int]int{}, map[int]bool{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		stat, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // after the name: state, parent
		if len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
			continue
		}
		parents[pid], _ = strconv.Atoi(fields[1])
		if line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline")); bytes.Contains(line, []byte(folder)) {
			found[pid] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for pid, parent := range parents {
			if found[parent] && !found[pid] {
				found[pid], grown = true, true
			}
		}
	}
	return found
}

// poll looks again and again until ok; false when patience ended first.
func poll(ok func() bool) bool {
	late := time.NewTimer(browserPatience)
	defer late.Stop()
	tick := time.NewTicker(browserTick)
	defer tick.Stop()
	for !ok() {
		select {
		case <-late.C:
			return false
		case <-tick.C:
		}
	}
	return true
}

// driverError is WebDriver's refusal of a command.
type driverError struct {
	Code    string `json:"error"`
	Message string `json:"message"`
}

func (e *driverError) Error() string {
	first, _, _ := strings.Cut(e.Message, "\n")
	return e.Code + ": " + first
}

// call sends one command; url may be a path in the session. out, where it is not nil, gets the answer's value.
func (b *browser) call(method, url string, body, out any) error {
	if strings.HasPrefix(url, "/") {
		url = b.session + url
	}
	var text io.Reader
	if method == http.MethodPost {
		if body == nil {
			body = struct{}{}
		}
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, url, text)
	if err != nil {
		return err
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("answer of chromedriver: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		refused := &driverError{Code: resp.Status}
		_ = json.Unmarshal(answer.Value, refused) // the status says enough
		return refused
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, out)
}

// eval runs a script in the page, which returns something, also where the page's own scripts are off.
func (b *browser) eval(out any, script string, args ...any) error {
	if args == nil {
		args = []any{}
	}
	return b.call(http.MethodPost, "/execute/sync", map[string]any{"script": script, "args": args}, out)
}

// devtools gives an order of Chromium's own protocol.
func (b *browser) devtools(out any, order string, params map[string]any) {
	b.t.Helper()
	if params == nil {
		params = map[string]any{}
	}
	if err := b.call(http.MethodPost, "/goog/cdp/execute", map[string]any{"cmd": order, "params": params}, out); err != nil {
		b.t.Fatalf("%s: %v", order, err)
	}
}

// until waits for something on the page.
func (b *browser) until(what string, ok func() (bool, error)) {
	b.t.Helper()
	var last error
	if poll(func() bool {
		var is bool
		is, last = ok()
		return is && last == nil
	}) {
		return
	}
	var page string
	_ = b.eval(&page, "return location.href + '\\n' + document.body.innerText") // for people to read
	b.t.Errorf("waited in vain: %s (%v). The page:\n%s", what, last, page)
	b.picture("in-vain.png")
	b.t.FailNow()
}

// text is what an element shows, empty where it shows nothing or is not there.
func (b *browser) text(css string) (text string, err error) {
	err = b.eval(&text, "const e = document.querySelector(arguments[0]); return e && e.checkVisibility() ? e.innerText : ''", css)
	return strings.TrimSpace(text), err
}

// says waits until an element shows a text that matches, and returns its submatches.
func (b *browser) says(css, pattern string) (found []string) {
	b.t.Helper()
	re := regexp.MustCompile(pattern)
	b.until(fmt.Sprintf("%s says %q", css, pattern), func() (bool, error) {
		text, err := b.text(css)
		found = re.FindStringSubmatch(text)
		return found != nil, err
	})
	return found
}

// find returns the reference of an element.
func (b *browser) find(css string) (string, error) {
	var e map[string]string
	err := b.call(http.MethodPost, "/element", map[string]string{"using": "css selector", "value": css}, &e)
	return e[elementKey], err
}

// click clicks an element as a person does, once it can be and has come to rest. WebDriver refuses where
// another element covers it; a refused click has clicked nothing.
func (b *browser) click(css string) {
	b.t.Helper()
	before := ""
	b.until("click "+css, func() (bool, error) {
		id, err := b.find(css)
		if err != nil {
			return false, err
		}
		var place string
		if err := b.eval(&place, `const e = arguments[0], r = e.getBoundingClientRect();
			return e.disabled || !e.checkVisibility() ? "" : [r.x + scrollX, r.y + scrollY, r.width, r.height].join()`, map[string]string{elementKey: id}); err != nil {
			return false, err
		}
		steady := place != "" && place == before
		before = place
		if !steady {
			return false, nil
		}
		err = b.call(http.MethodPost, "/element/"+id+"/click", nil, nil)
		return err == nil, err
	})
}

// fill types a text into an empty or emptied field.
func (b *browser) fill(css, text string) {
	b.t.Helper()
	b.until("type into "+css, func() (bool, error) {
		id, err := b.find(css)
		if err != nil {
			return false, err
		}
		if err := b.call(http.MethodPost, "/element/"+id+"/clear", nil, nil); err != nil {
			return false, err
		}
		if err := b.call(http.MethodPost, "/element/"+id+"/value", map[string]string{"text": text}, nil); err != nil {
			return false, err
		}
		var has string
		err = b.eval(&has, "return arguments[0].value", map[string]string{elementKey: id})
		return has == text, err
	})
}

// choose picks an entry of a select.
func (b *browser) choose(css, value string) {
	b.t.Helper()
	b.until("choose "+value+" in "+css, func() (bool, error) {
		id, err := b.find(fmt.Sprintf("%s option[value=%q]", css, value))
		if err != nil {
			return false, err
		}
		if err := b.call(http.MethodPost, "/element/"+id+"/click", nil, nil); err != nil {
			return false, err
		}
		var has string
		err = b.eval(&has, "return document.querySelector(arguments[0]).value", css)
		return has == value, err
	})
}

// open goes to an address.
func (b *browser) open(url string) {
	b.t.Helper()
	if err := b.call(http.MethodPost, "/url", map[string]string{"url": url}, nil); err != nil {
		b.t.Fatalf("open %s: %v", url, err)
	}
}

// windows are the handles of all windows.
func (b *browser) windows() (all []string) {
	b.t.Helper()
	if err := b.call(http.MethodGet, "/window/handles", nil, &all); err != nil {
		b.t.Fatal(err)
	}
	return all
}

func (b *browser) switchTo(window string) {
	b.t.Helper()
	if err := b.call(http.MethodPost, "/window", map[string]string{"handle": window}, nil); err != nil {
		b.t.Fatalf("switch window: %v", err)
	}
}

// look looks at the page on a desktop screen, on a till's and on a telephone: nothing may stick out at the side, and
// nothing may stand in the console. It keeps pictures where TILLBRIDGE_SCREENS names a folder.
func (b *browser) look(name string) {
	b.t.Helper()
	b.shots++
	for _, size := range [][2]int{{1280, 800}, {800, 480}, {390, 844}} {
		width := size[0]
		b.devtools(nil, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": size[1], "deviceScaleFactor": 1, "mobile": false})
		b.until("page of that width", func() (bool, error) {
			var w int
			err := b.eval(&w, "return innerWidth")
			return w == width, err
		})
		var out []string
		if err := b.eval(&out, `const wide = document.documentElement.clientWidth;
			if (document.documentElement.scrollWidth <= wide) return [];
			return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > wide + 1).map((e) => e.outerHTML.slice(0, 80))`); err != nil {
			b.t.Fatal(err)
		}
		if len(out) > 0 {
			b.t.Errorf("%s at %d pixels: sticks out at the side: %q", name, width, out)
		}
		b.picture(fmt.Sprintf("%02d-%s-%d.png", b.shots, name, width))
	}
	b.devtools(nil, "Emulation.clearDeviceMetricsOverride", nil)
	b.quiet(name)
}

// picture keeps a picture of the whole page.
func (b *browser) picture(file string) {
	b.t.Helper()
	dir := os.Getenv("TILLBRIDGE_SCREENS")
	if dir == "" {
		return
	}
	var shot struct{ Data string }
	b.devtools(&shot, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true})
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, file), png, 0o644)
	}
	if err != nil {
		b.t.Fatalf("keep picture: %v", err)
	}
}

// quiet checks that the browser's console has had nothing to complain of since the last time.
func (b *browser) quiet(when string) {
	b.t.Helper()
	var entries []struct{ Level, Message, Source string }
	if err := b.call(http.MethodPost, "/se/log", map[string]string{"type": "browser"}, &entries); err != nil {
		b.t.Fatalf("read the console: %v", err)
	}
	for _, e := range entries {
		if e.Level == "DEBUG" { // advice
			continue
		}
		b.t.Errorf("%s: the console has %s from %s: %s", when, e.Level, e.Source, e.Message)
	}
}
