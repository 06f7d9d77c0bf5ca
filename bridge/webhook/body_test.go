package webhook

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

func TestOrders(t *testing.T) {
	u64 := strings.Repeat("u", 64)
	jpy := terminal.Currency{Code: "JPY", Numeric: 392}
	for body, c := range map[string]struct {
		t        Terminal
		minor    int64
		id, cust string
	}{
		good: {Terminal{Currency: eur}, 1250, "u-1", "c-1"},
		"\t{\"payment_uuid\":\"u-1\",\n\"amount\":\"12.50\"}\r\n":                  {Terminal{Currency: eur}, 1250, "u-1", ""},
		`{"payment_uuid":"u-1","amount":9007199254.93,"customer_uuid":null}`:       {Terminal{Currency: eur}, 900719925493, "u-1", ""},
		`{"payment_uuid":"u-1","amount":0.29,"customer_uuid":""}`:                  {Terminal{Currency: eur}, 29, "u-1", ""},
		`{"payment_uuid":"` + u64 + `","amount":1250}`:                             {Terminal{Currency: eur, MinorUnits: true}, 1250, u64, ""},
		`{"payment_uuid":"!~","amount":"1250","new":{"amount":1,"amount":[null]}}`: {Terminal{Currency: eur, MinorUnits: true}, 1250, "!~", ""},
		`{"payment_uuid":"\u0041","\u0061mount":1250,"":1}`:                        {Terminal{Currency: jpy}, 1250, "A", ""},
	} {
		o, err := readOrder([]byte(body), c.t)
		want := bridge.Order{UUID: c.id, Customer: c.cust, Amount: terminal.Amount{Minor: c.minor, Currency: c.t.Currency}}
		if err != nil || o != want {
			t.Errorf("%s\nis read as %+v, %v", body, o, err)
		}
	}
}

func TestBodiesRefused(t *testing.T) {
	amount := func(a string) string { return fmt.Sprintf(`{"amount":%s,"payment_uuid":"u-1"}`, a) }
	id := func(u string) string { return fmt.Sprintf(`{"amount":1,"payment_uuid":%s}`, u) }
	cust := func(u string) string { return fmt.Sprintf(`{"amount":1,"payment_uuid":"u-1","customer_uuid":%s}`, u) }
	minor := "minor:"
	for body, words := range map[string]string{
		"":                                "one JSON object",
		" ":                               "one JSON object",
		"null":                            "one JSON object",
		`[` + good + `]`:                  "one JSON object",
		`"x"`:                             "one JSON object",
		`["amount",1,"payment_uuid","u"]`: "one JSON object",
		`[]`:                              "one JSON object",
		`{`:                               "one JSON object",
		`{"amount":`:                      "one JSON object",
		`{"amount":1`:                     "one JSON object",
		`{"amount":1,}`:                   "one JSON object",
		`{amount:1}`:                      "one JSON object",
		`{"amount" 1}`:                    "one JSON object",
		good[:len(good)-1]:                "one JSON object",
		good + good:                       "one JSON object",
		good + "]":                        "one JSON object",
		good + " x":                       "one JSON object",
		good + "\x00":                     "one JSON object",
		"\ufeff" + good:                   "one JSON object",
		amount("01"):                      "one JSON object",
		amount("+1"):                      "one JSON object",
		amount(".5"):                      "one JSON object",
		amount("NaN"):                     "one JSON object",
		"{\"\xff\":1}":                    "UTF-8",
		id("\"\xc3\""):                    "UTF-8",
		`{"amount":1,"amount":1,"payment_uuid":"u"}`:             "amount is there twice",
		`{"amount":1,"\u0061mount":1,"payment_uuid":"u"}`:        "amount is there twice",
		`{"amount":1,"payment_uuid":"u","payment_uuid":"v"}`:     "payment_uuid is there twice",
		`{"secret":1,"secret":1,"amount":1,"payment_uuid":"u"}`:  "a field is there twice",
		`{"Amount":1,"payment_uuid":"u"}`:                        "amount is written in other letters",
		`{"amount":1,"Payment_UUID":"u"}`:                        "payment_uuid is written",
		`{"amount":1,"payment_uuid":"u","CUSTOMER_UUID":null}`:   "customer_uuid is written",
		`{"amount":1,"payment_uuid":"u","cu\u017ftomer_uuid":1}`: "customer_uuid is written",
		`{}`:                                    "payment_uuid is missing",
		`{"payment_uuid":"u"}`:                  "amount is missing",
		`{"amount":1}`:                          "payment_uuid is missing",
		id("null"):                              "payment_uuid must be a text",
		id("1"):                                 "payment_uuid must be a text",
		id(`["u"]`):                             "payment_uuid must be a text",
		id(`""`):                                "payment_uuid must have 1 to 64",
		id(`"` + strings.Repeat("u", 65) + `"`): "payment_uuid must have 1 to 64",
		id(`"a b"`):                             "payment_uuid must be printable",
		id(`"a\n"`):                             "payment_uuid must be printable",
		id(`"a\u007f"`):                         "payment_uuid must be printable",
		id(`"\u00e9"`):                          "payment_uuid must be printable",
		id(`"\ud800"`):                          "payment_uuid must be printable",
		cust("0"):                               "customer_uuid must be a text",
		cust(`" "`):                             "customer_uuid must be printable",
		cust(`false`):                           "customer_uuid must be a text",
		amount("null"):                          "amount must be a number or a text",
		amount("true"):                          "amount must be a number or a text",
		amount(`{"v":1}`):                       "amount must be a number or a text",
		amount("[1]"):                           "amount must be a number or a text",
		amount("0"):                             "amount cannot be charged",
		amount("0.00"):                          "amount cannot be charged",
		amount("-1"):                            "amount cannot be charged",
		amount(`"-1"`):                          "amount cannot be charged",
		amount("1e2"):                           "amount cannot be charged",
		amount("1E+2"):                          "amount cannot be charged",
		amount("12.505"):                        "amount cannot be charged: EUR has 2 decimals",
		amount("12.500"):                        "amount cannot be charged: EUR has 2 decimals",
		amount(`"1,50"`):                        "amount cannot be charged",
		amount(`" 1"`):                          "amount cannot be charged",
		amount(`"\u0661"`):                      "amount cannot be charged",
		amount(`""`):                            "amount cannot be charged",
		amount(`"01"`):                          "amount cannot be charged",
		amount("99999999999"):                   "amount cannot be charged",
		minor + amount("12.5"):                  "amount cannot be charged",
		minor + amount("1250.0"):                "amount cannot be charged",
		minor + amount(`"01250"`):               "amount cannot be charged: a leading zero",
		minor + amount(`"00"`):                  "amount cannot be charged: a leading zero",
		minor + amount("0"):                     "amount cannot be charged: nothing to charge",
		minor + amount(`""`):                    "amount cannot be charged",
		minor + amount("1e3"):                   "amount cannot be charged",
		minor + amount("1000000000000"):         "amount cannot be charged",
	} {
		b := newBench(t, nil, func(c *Config) {
			c.Terminals = map[string]Terminal{"counter": {Currency: eur, MinorUnits: strings.HasPrefix(body, minor)}}
		})
		if d := problemOf(t, b.do(request(strings.TrimPrefix(body, minor))), 400); !strings.Contains(d, words) {
			t.Errorf("%s\nis refused with %q, want %q", body, d, words)
		}
		if len(b.orders) != 0 {
			t.Errorf("%s\nreached the desk as %+v", body, b.orders)
		}
	}
}

func TestContentTypes(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"none":          header("Content-Type"),
		"form":          header("Content-Type", "application/x-www-form-urlencoded"),
		"text":          header("Content-Type", "text/plain"),
		"two":           header("Content-Type", "application/json", "application/json"),
		"other charset": header("Content-Type", "application/json; charset=latin1"),
		"parameter":     header("Content-Type", "application/json; version=2"),
		"malformed":     header("Content-Type", "application/json; ="),
		"compressed":    header("Content-Encoding", "gzip"),
	} {
		b := newBench(t, nil)
		if w := b.do(request(good, change)); w.Code != 415 || len(b.orders) != 0 {
			t.Errorf("%s: answered %d", name, w.Code)
		}
	}
}

func TestSizes(t *testing.T) {
	fill := func(n int) string { return good + strings.Repeat(" ", n-len(good)) }
	hidden := func(r *http.Request) { r.ContentLength = -1 }
	for name, c := range map[string]struct {
		r      *http.Request
		status int
	}{
		"as large as allowed":           {request(fill(16384)), 202},
		"one more":                      {request(fill(16385)), 413},
		"as large as allowed, not said": {request(fill(maxBody), hidden), 202},
		"one more, not said":            {request(fill(maxBody+1), hidden), 413},
		"much more, wrong passcode":     {request(fill(1<<20), wrong), 401},
	} {
		b := newBench(t, nil)
		if w := b.do(c.r); w.Code != c.status || (len(b.orders) == 1) != (c.status == 202) {
			t.Errorf("%s: answered %d, want %d", name, w.Code, c.status)
		}
	}
}

// FuzzBody holds the JSON reader against the decimal rule: what it accepts is valid JSON, has the exact amount that
// stands in the text, and reads the same again.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		good, `{"amount":"0.01","payment_uuid":"u"}`, `{"amount":9007199254.93,"payment_uuid":"u","customer_uuid":null}`,
		`{"amount":1e2,"payment_uuid":"u"}`, `{"amount":1,"amount":2,"payment_uuid":"u"}`, `{"Amount":1,"payment_uuid":"u"}`,
		`{"amount":0.1,"payment_uuid":"\u0041","x":{"a":[1,2,{}]}}`, `{"amount":1250,"payment_uuid":"u"} `, "[]", "", `{"":""}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, minorUnits bool) {
		o, err := readOrder(body, Terminal{Currency: eur, MinorUnits: minorUnits})
		if err != nil {
			return
		}
		var sent struct {
			Amount any `json:"amount"`
		}
		dec := json.NewDecoder(strings.NewReader(string(body)))
		dec.UseNumber()
		if !json.Valid(body) || dec.Decode(&sent) != nil {
			t.Fatalf("accepted what is not JSON: %q", body)
		}
		exact, ok := new(big.Rat).SetString(fmt.Sprint(sent.Amount))
		if !ok {
			t.Fatalf("accepted the amount %v", sent.Amount)
		}
		if !minorUnits {
			exact.Mul(exact, big.NewRat(100, 1))
		}
		if exact.Cmp(new(big.Rat).SetInt64(o.Amount.Minor)) != 0 || o.Amount.Validate() != nil {
			t.Fatalf("%v was read as %s", sent.Amount, o.Amount)
		}
		text := o.Amount.Decimal()
		if minorUnits {
			text = fmt.Sprint(o.Amount.Minor)
		}
		back, _ := json.Marshal(map[string]any{"amount": json.Number(text), "payment_uuid": o.UUID, "customer_uuid": o.Customer})
		again, err := readOrder(back, Terminal{Currency: eur, MinorUnits: minorUnits})
		if err != nil || again != o {
			t.Fatalf("%s reads as %+v, %v; before it was %+v", back, again, err, o)
		}
	})
}
