package casetest

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// wireMessage is a message as a reader who takes everything literally sees
// it.
type wireMessage struct {
	line   string // request or status line
	fields []string
	body   []byte
	cut    bool // the end is missing
	junk   bool // no message: bytes
}

// field is the value of the first field of that name.
func (m *wireMessage) field(name string) (string, bool) {
	for _, f := range m.fields {
		if k, v, is := strings.Cut(f, ":"); is && strings.EqualFold(k, name) {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// wireHead splits the head of a message off.
func wireHead(b []byte) (m *wireMessage, rest []byte) {
	i := bytes.Index(b, []byte("\r\n\r\n"))
	if i < 0 {
		return nil, b
	}
	lines := strings.Split(string(b[:i]), "\r\n")
	return &wireMessage{line: lines[0], fields: lines[1:]}, b[i+4:]
}

// takeLength takes n bytes of body.
func (m *wireMessage) takeLength(b []byte, n int) []byte {
	if m.cut = n > len(b) || n < 0; m.cut {
		n = len(b)
	}
	m.body = b[:n]
	return b[n:]
}

// takeChunks takes a chunked body as RFC 9112, 7.1 has it.
func (m *wireMessage) takeChunks(b []byte) []byte {
	m.cut = true
	for {
		i := bytes.Index(b, []byte("\r\n"))
		if i < 0 {
			return nil
		}
		size, _, _ := strings.Cut(string(b[:i]), ";")
		n, err := strconv.ParseUint(strings.TrimSpace(size), 16, 31)
		if err != nil {
			return b
		}
		b = b[i+2:]
		if n == 0 {
			for {
				i := bytes.Index(b, []byte("\r\n"))
				if i < 0 {
					return nil
				}
				line := b[:i]
				if b = b[i+2:]; len(line) == 0 {
					m.cut = false
					return b
				}
				m.fields = append(m.fields, "trailer "+string(line))
			}
		}
		if int(n)+2 > len(b) {
			m.body = append(m.body, b[:min(int(n), len(b))]...)
			return nil
		}
		m.body = append(m.body, b[:n]...)
		b = b[n+2:]
	}
}

// wireRequests reads what reached an upstream. whole leaves out what has no
// end.
func wireRequests(b []byte, whole bool) (list []*wireMessage) {
	for len(b) > 0 {
		m, rest := wireHead(b)
		if m == nil {
			if !whole {
				list = append(list, &wireMessage{junk: true, body: b})
			}
			return list
		}
		b = rest
		if v, is := m.field("Transfer-Encoding"); is && strings.EqualFold(v, "chunked") {
			b = m.takeChunks(b)
		} else if v, is := m.field("Content-Length"); is {
			n, err := strconv.Atoi(v)
			if err != nil {
				n = 1 << 30
			}
			b = m.takeLength(b, n)
		}
		if m.cut && whole {
			return list
		}
		list = append(list, m)
	}
	return list
}

// wireResponses reads what a gateway answered. heads tells that some requests
// were HEAD.
func wireResponses(b []byte, heads bool) (list []*wireMessage) {
	for len(b) > 0 {
		m, rest := wireHead(b)
		if m == nil || !strings.HasPrefix(m.line, "HTTP/1.") || len(m.line) < 12 {
			return append(list, &wireMessage{junk: true, body: b})
		}
		list = append(list, m)
		b = rest
		code := m.line[9:12]
		if heads && (len(b) == 0 || bytes.HasPrefix(b, []byte("HTTP/1."))) || code == "304" || code == "204" || code[0] == '1' && code != "101" {
			continue
		}
		if v, is := m.field("Transfer-Encoding"); is && v == "chunked" {
			b = m.takeChunks(b)
		} else if v, is := m.field("Content-Length"); is {
			n, _ := strconv.Atoi(v)
			b = m.takeLength(b, n)
		} else {
			m.body, b = b, nil
		}
	}
	return list
}

// wireVerdict is what a case file says of an exchange: "=" lines, the
// responses; "^" lines, the requests that reached the upstream.
func wireVerdict(out []byte, seen [][]byte, heads bool) (lines []string) {
	for _, m := range wireResponses(out, heads) {
		if m.junk {
			lines = append(lines, "= bytes "+quoteShort(m.body))
			continue
		}
		l := "= " + m.line[9:12]
		if v, is := m.field("Connection"); is {
			l += " " + v
		}
		if !bytes.Contains(m.body, []byte("<center>nginx</center>")) && len(m.body) > 0 {
			l += " " + quoteShort(m.body)
		}
		if m.cut {
			l += " cut"
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		lines = append(lines, "= nothing")
	}
	for _, raw := range seen {
		lines = append(lines, wireSeen(raw)...)
	}
	return lines
}

// countRuns makes one line of many that say the same.
func countRuns(lines []string) (out []string) {
	for i := 0; i < len(lines); {
		n := 1
		for i+n < len(lines) && lines[i+n] == lines[i] {
			n++
		}
		if n > 3 {
			out = append(out, fmt.Sprintf("%s (%d times)", lines[i], n))
		} else {
			out = append(out, lines[i:i+n]...)
		}
		i += n
	}
	return out
}

// wireSeen is what one connection to the upstream carried.
func wireSeen(raw []byte) (lines []string) {
	for _, m := range wireRequests(raw, false) {
		if m.cut {
			continue // how much of a message is passed on before it breaks is a matter of timing
		}
		if m.junk {
			lines = append(lines, "^ bytes "+quoteShort(m.body))
			continue
		}
		l := "^ " + strings.Trim(quoteShort([]byte(m.line)), `"`)
		for _, f := range m.fields {
			switch k, _, _ := strings.Cut(f, ":"); strings.ToLower(k) {
			case "host", "connection", "content-length":
			default:
				l += " | " + strings.Trim(quoteShort([]byte(f)), `"`)
			}
		}
		if len(m.body) > 0 {
			l += " " + quoteShort(m.body)
		}
		lines = append(lines, l)
	}
	return lines
}

// wireDate is the time in a response, which verdicts must not show.
var wireDate = regexp.MustCompile(`Date: [^\r\n]*`)

// quoteShort quotes bytes; of many, it shows the first and says how many.
func quoteShort(b []byte) string {
	b = wireDate.ReplaceAll(b, []byte("Date: now"))
	if len(b) <= 120 {
		return strconv.Quote(string(b))
	}
	return fmt.Sprintf("%s… %d bytes", strconv.Quote(string(b[:80])), len(b))
}

// wireDetail is the whole of an exchange, as far as it must be the same on
// both gateways to the byte: all but dates, how bodies are cut into chunks
// and the order of connections.
func wireDetail(out []byte, seen [][]byte, heads bool) string {
	var b strings.Builder
	write := func(m *wireMessage) {
		if m.junk {
			fmt.Fprintf(&b, "bytes %q\n", m.body)
			return
		}
		b.WriteString(m.line + "\n")
		for _, f := range m.fields {
			if !strings.HasPrefix(f, "Date: ") && !strings.HasPrefix(f, "Last-Modified: ") && !strings.HasPrefix(f, "ETag: ") && !strings.HasPrefix(f, "Location: ") {
				fmt.Fprintf(&b, "  %q\n", f)
			}
		}
		fmt.Fprintf(&b, "  body %q cut=%v\n", m.body, m.cut)
	}
	for _, m := range wireResponses(out, heads) {
		write(m)
	}
	seen = slices.Clone(seen)
	slices.SortFunc(seen, bytes.Compare)
	for _, raw := range seen {
		line := "connection\n"
		for _, m := range wireRequests(raw, false) {
			if !m.cut {
				b.WriteString(line)
				line = ""
				write(m)
			}
		}
	}
	return b.String()
}
