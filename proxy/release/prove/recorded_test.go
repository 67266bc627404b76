package prove

import (
	"bufio"
	"strings"
	"testing"
)

// TestReadRequests reads both forms of recorded requests.
func TestReadRequests(t *testing.T) {
	cases, err := ReadRequests(bufio.NewReader(strings.NewReader(
		`10.0.0.9 - - [28/Nov/2026:08:00:00 +0000] "GET /test?a=1 HTTP/1.1" 200 5 "-" "curl/8"` + "\n" +
			"POST /x?b=2 HTTP/1.1\nX-Real-IP: 10.0.0.1\nCookie: uid=7; k=v\n\nGET /y\n")))
	if err != nil || len(cases) != 3 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	if c := cases[0]; c.Vars["remote_addr"] != "10.0.0.9" || c.Args != "a=1" || c.Vars["http_user_agent"] != "curl/8" {
		t.Errorf("access log: %v", c)
	}
	if c := cases[1]; c.Method != "POST" || len(c.Headers) != 2 || c.Vars["cookie_uid"] != "7" || c.Vars["http_x_real_ip"] != "10.0.0.1" {
		t.Errorf("headers: %v", c)
	}
	if _, err := ReadRequests(bufio.NewReader(strings.NewReader("hello world\n"))); err == nil {
		t.Error("nonsense was read")
	}
}
