package counter

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// manual is a terminal that asks what was printed for 12.50 EUR.
func (w *world) manual(state bridge.State, q *bridge.Question) {
	p := *w.payment("u", state)
	w.terminals = []bridge.TerminalStatus{{Name: "a b", Driver: "by hand", Currency: eur, Payment: &p, Health: bridge.Working, Question: q}}
}

func asked(again bool, problem string) *bridge.Question {
	q := terminal.Question{Amount: terminal.Amount{Minor: 1250, Currency: eur}, Text: "Charge <b>it</b>.", Again: again, Problem: problem}
	return &bridge.Question{ID: "Q1", Question: q}
}

func printed(choice, auth, ref string) url.Values {
	return url.Values{"terminal": {"a b"}, "question": {"Q1"}, "choice": {choice}, "auth_code": {auth}, "txn_ref": {ref}}
}

const questionAt = "/terminal/question?terminal=a+b"

func TestQuestionPage(t *testing.T) {
	w, b := signedIn(t)
	w.manual(bridge.Sent, asked(false, ""))
	absent(t, b.get("/").Body.String(), "All is well")
	b.page(b.get("/"), http.StatusOK, "Say what the terminal printed", `href="/terminal/question?terminal=a&#43;b"`)
	page := b.page(b.get(questionAt), http.StatusOK, "12.50 EUR", "Charge &lt;b&gt;it&lt;/b&gt;.", `value="Q1"`, "Anna")
	absent(t, page, "checked", "Once more", "http-equiv=\"refresh\"")
	w.terminals[0].Question = asked(true, "They differ.")
	b.page(b.get("/"), http.StatusOK, "Type it once more")
	page = b.page(b.get(questionAt), http.StatusOK, "Once more", "They differ.", `name="auth_code" class="code" value=""`, `name="txn_ref" class="code" value=""`)
	absent(t, page, "checked")
	w.terminals[0].Question = nil
	absent(t, b.page(b.get(questionAt), http.StatusOK, "A moment"), "<form method=\"post\" action=\"/terminal/answer\"")
	for _, over := range []bridge.State{bridge.Held, bridge.Received} {
		w.manual(over, nil)
		b.goes(b.get(questionAt), "/")
	}
	b.goes(b.get("/terminal/question?terminal=elsewhere"), "/")
}

func TestAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		form url.Values
		want terminal.Answer
	}{
		"charged":     {printed("charged", " 651200 ", "4111111111111111"), terminal.Answer{Name: "Anna", Outcome: terminal.Approved, AuthCode: "651200", TxnRef: "************1111"}},
		"not charged": {printed("not-charged", "", ""), terminal.Answer{Name: "Anna", Outcome: terminal.Declined}},
		"cannot tell": {printed("unsure", "", ""), terminal.Answer{Name: "Anna"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := signedIn(t)
			w.manual(bridge.Sent, asked(false, ""))
			var got []terminal.Answer
			w.answer = func(name, id string, a terminal.Answer) error {
				if name != "a b" || id != "Q1" {
					t.Errorf("question %q of %q is answered", id, name)
				}
				got = append(got, a)
				return nil
			}
			b.goes(b.post("/terminal/answer", c.form), questionAt)
			if len(got) != 1 || got[0] != c.want {
				t.Errorf("the desk got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAnswerIsChecked(t *testing.T) {
	long := string(make([]byte, maxAuthCode+1))
	for name, c := range map[string]struct {
		form url.Values
		says string
	}{
		"no choice":             {printed("", "651200", ""), "Choose one of the three"},
		"another choice":        {printed("approved", "651200", ""), "Choose one of the three"},
		"no code":               {printed("charged", " ", "\t"), "Copy the authorisation code"},
		"a code and no payment": {printed("not-charged", "651200", ""), "A code belongs to a payment"},
		"a long code":           {printed("charged", "x"+long+"x", ""), "longer than any code"},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := signedIn(t) // the world fails the test where an answer reaches it
			w.manual(bridge.Sent, asked(false, ""))
			b.page(b.post("/terminal/answer", c.form), http.StatusUnprocessableEntity, "Nothing was taken yet", c.says)
		})
	}
}

func TestAnswerTooLate(t *testing.T) {
	w, b := signedIn(t)
	w.answer = func(string, string, terminal.Answer) error { return errors.New("this is not asked any more") }
	w.manual(bridge.Sent, asked(true, ""))
	page := b.page(b.post("/terminal/answer", printed("charged", "651200", "")), http.StatusConflict, "What you typed was not taken. This is not asked any more.", "Once more")
	absent(t, page, "651200", "checked")
	w.manual(bridge.Held, nil)
	b.page(b.post("/terminal/answer", printed("charged", "651200", "")), http.StatusConflict, "What you typed was not taken.")
}

func TestAnswerIsGuarded(t *testing.T) {
	w, b := newWorld(t)
	w.manual(bridge.Sent, asked(false, ""))
	b.goes(b.post("/terminal/answer", printed("charged", "651200", "")), "/sign-in")
	b.signIn("Anna")
	b.header.Set("Sec-Fetch-Site", "cross-site")
	b.page(b.post("/terminal/answer", printed("charged", "651200", "")), http.StatusForbidden)
	b.header.Del("Sec-Fetch-Site")
	b.page(b.get("/terminal/answer?choice=charged"), http.StatusMethodNotAllowed)
}
