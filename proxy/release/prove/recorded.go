package prove

import (
	"bufio"
	"fmt"
	"regexp"
	"strings"

	"huidu/luacompat"
)

// combined is a line of an access log in nginx's combined format.
var combined = regexp.MustCompile(`^(\S+) \S+ \S+ \[[^]]*\] "(\S+) (\S+)[^"]*" \d+ \S+(?: "([^"]*)" "([^"]*)")?`)

// ReadRequests reads recorded requests: lines of an access log (the combined
// format), or "METHOD URI" with lines "Name: value" of headers below it.
func ReadRequests(r *bufio.Reader) ([]*Case, error) {
	var out []*Case
	var cur *Case
	add := func(method, uri string) {
		path, args, _ := strings.Cut(uri, "?")
		cur = &Case{Method: method, Args: args, Vars: map[string]string{"request_method": method, "request_uri": uri, "uri": path, "args": args}}
		out = append(out, cur)
	}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for line := 1; sc.Scan(); line++ {
		s := strings.TrimRight(sc.Text(), "\r")
		m := combined.FindStringSubmatch(s)
		word, rest, _ := strings.Cut(s, " ")
		name, value, isHeader := strings.Cut(s, ":")
		switch {
		case s == "":
			cur = nil
		case m != nil:
			add(m[2], m[3])
			cur.Vars["remote_addr"] = m[1]
			for i, name := range []string{"Referer", "User-Agent"} {
				if v := m[4+i]; v != "" && v != "-" {
					cur.header(name, v)
				}
			}
			cur = nil
		case word == strings.ToUpper(word) && strings.HasPrefix(rest, "/"):
			uri, _, _ := strings.Cut(rest, " ")
			add(word, uri)
		case cur != nil && isHeader:
			cur.header(name, strings.TrimSpace(value))
		default:
			return nil, fmt.Errorf("line %d is neither a request nor one of its headers: %q", line, s)
		}
	}
	return out, sc.Err()
}

func (c *Case) header(name, value string) {
	c.Headers = append(c.Headers, luacompat.Header{Key: name, Value: value})
	c.Vars["http_"+strings.ReplaceAll(strings.ToLower(name), "-", "_")] = value
	if strings.EqualFold(name, "Cookie") {
		for _, p := range strings.Split(value, ";") {
			if k, v, ok := strings.Cut(strings.TrimSpace(p), "="); ok {
				c.Vars["cookie_"+strings.ToLower(k)] = v
			}
		}
	}
}
