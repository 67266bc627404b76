package casetest

import (
	"fmt"
	"strings"
)

// step is one step of a story: an action and its words, or a request, or
// what is expected of its response.
type step struct {
	line  int
	only  string // "huidu" or "nginx"
	verb  string // ">" request, "<" response, else the first word
	text  string // the rest of the line
	lines []string
}

// parseStory reads a story. Consecutive ">" lines make one request,
// consecutive "<" lines one response.
func parseStory(text string) ([]step, error) {
	var steps []step
	for i, line := range strings.Split(text, "\n") {
		s := step{line: i + 1}
		for _, who := range []string{"huidu", "nginx"} {
			if rest, ok := strings.CutPrefix(line, who+":"); ok {
				s.only, line = who, strings.TrimPrefix(rest, " ")
			}
		}
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
			continue
		case line[0] == '>' || line[0] == '<':
			s.verb = line[:1]
			body := line[1:]
			if n := len(steps); n > 0 && steps[n-1].verb == s.verb && steps[n-1].only == s.only &&
				!startsMessage(s.verb, body) {
				steps[n-1].lines = append(steps[n-1].lines, body)
				continue
			}
			s.lines = []string{body}
		default:
			s.verb, s.text, _ = strings.Cut(strings.TrimSpace(line), " ")
			s.text = strings.TrimSpace(s.text)
			if !verbs[s.verb] {
				return nil, fmt.Errorf("story line %d: unknown step %q", s.line, s.verb)
			}
		}
		steps = append(steps, s)
	}
	return steps, nil
}

var verbs = map[string]bool{"raw": true, "keep": true, "close": true, "log": true, "access": true, "reload": true,
	"file": true, "wait": true, "upstream": true, "redis": true, "load": true}

// startsMessage reports whether a ">" line starts a new request: one that
// follows a request without a response in between does when it has the look
// of a request line. A new response always follows something else.
func startsMessage(verb, body string) bool {
	if verb != ">" {
		return false
	}
	method, path, ok := strings.Cut(strings.TrimPrefix(body, " "), " ")
	return ok && method != "" && method == strings.ToUpper(method) && strings.HasPrefix(path, "/") && !strings.HasSuffix(method, ":")
}

// request is a request to send.
type request struct {
	wire   []byte
	method string
}

// buildRequest makes the bytes of a request from its ">" lines.
func buildRequest(lines []string, port int, keep bool) request {
	head, body, hasBody := split(lines)
	words := strings.Fields(head[0])
	if len(words) == 2 {
		words = append(words, "HTTP/1.1")
	}
	var sb strings.Builder
	sb.WriteString(strings.Join(words, " ") + "\r\n")
	have := map[string]bool{}
	for _, h := range head[1:] {
		name, _, _ := strings.Cut(h, ":")
		have[strings.ToLower(name)] = true
	}
	if !have["host"] {
		fmt.Fprintf(&sb, "Host: localhost:%d\r\n", port)
	}
	if !have["connection"] && !keep {
		sb.WriteString("Connection: close\r\n")
	}
	for _, h := range head[1:] {
		sb.WriteString(h + "\r\n")
	}
	if hasBody && !have["content-length"] && !have["transfer-encoding"] {
		fmt.Fprintf(&sb, "Content-Length: %d\r\n", len(body))
	}
	sb.WriteString("\r\n" + body)
	return request{wire: []byte(sb.String()), method: words[0]}
}

// split parts the lines of a message at the first empty one. A body line
// ends in a line end unless it starts with "-".
func split(lines []string) (head []string, body string, hasBody bool) {
	for i, l := range lines {
		if strings.TrimSpace(l) == "" && !hasBody {
			hasBody = true
			continue
		}
		if !hasBody {
			head = append(head, strings.TrimPrefix(lines[i], " "))
			continue
		}
		if rest, ok := strings.CutPrefix(l, "-"); ok {
			body += strings.TrimPrefix(rest, " ")
		} else {
			body += strings.TrimPrefix(l, " ") + "\n"
		}
	}
	return head, body, hasBody
}
