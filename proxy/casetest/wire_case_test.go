package casetest

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// wireCase is one exchange of testdata/wire: what a client sends, what the
// upstream replies, and what becomes of it. See testdata/wire/README.
type wireCase struct {
	name    string
	remarks []string
	client  []string // lines as written, behind ">"
	reply   []string // lines as written, behind "<"; none: the upstream's own
	nginx   []string // "=" and "^" lines
	huidu   []string // the same for huidu where it differs
	differs string   // the reason
}

// wireFile is a file of such cases, with the text before the first.
type wireFile struct {
	path  string
	head  []string
	cases []*wireCase
}

func readWireFile(path string) (*wireFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := &wireFile{path: path}
	var c *wireCase
	sc := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; sc.Scan(); n++ {
		line := sc.Text()
		bad := func(what string) error { return fmt.Errorf("%s:%d: %s", path, n, what) }
		if name, is := strings.CutPrefix(line, "== "); is {
			c = &wireCase{name: strings.TrimSpace(name)}
			f.cases = append(f.cases, c)
			continue
		}
		if c == nil {
			f.head = append(f.head, line)
			continue
		}
		switch {
		case strings.TrimSpace(line) == "":
		case strings.HasPrefix(line, "# differs: "):
			c.differs = line[len("# differs: "):]
		case line[0] == '#':
			c.remarks = append(c.remarks, line)
		case line[0] == '>':
			if _, err := wireBytes([]string{line[1:]}); err != nil {
				return nil, bad(err.Error())
			}
			c.client = append(c.client, line[1:])
		case line[0] == '<':
			if _, err := wireBytes([]string{line[1:]}); err != nil {
				return nil, bad(err.Error())
			}
			c.reply = append(c.reply, line[1:])
		case line[0] == '=', line[0] == '^':
			c.nginx = append(c.nginx, line)
		case strings.HasPrefix(line, "huidu="), strings.HasPrefix(line, "huidu^"):
			c.huidu = append(c.huidu, line[len("huidu"):])
		default:
			return nil, bad("not understood")
		}
	}
	return f, sc.Err()
}

// write is the inverse of readWireFile.
func (f *wireFile) write() error {
	var b strings.Builder
	for _, l := range f.head {
		b.WriteString(l + "\n")
	}
	for i, c := range f.cases {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "== %s\n", c.name)
		for _, l := range c.remarks {
			b.WriteString(l + "\n")
		}
		for _, l := range c.client {
			b.WriteString(">" + l + "\n")
		}
		for _, l := range c.reply {
			b.WriteString("<" + l + "\n")
		}
		for _, l := range c.nginx {
			b.WriteString(l + "\n")
		}
		if c.differs != "" {
			fmt.Fprintf(&b, "# differs: %s\n", c.differs)
			for _, l := range c.huidu {
				b.WriteString("huidu" + l + "\n")
			}
		}
	}
	return os.WriteFile(f.path, []byte(b.String()), 0o644)
}

// Markers beside the lines that are sent.
const (
	wireAlone = "alone" // ">alone": no request follows the case's own
	wireOpen  = "open"  // "<open": the upstream does not close after its reply
)

// has tells whether a marker stands among the lines.
func has(lines []string, marker string) bool {
	for _, l := range lines {
		if l == marker {
			return true
		}
	}
	return false
}

var wireRepeat = regexp.MustCompile(`\{(\d+)\*([^}]+)\}`)

// wireBytes makes bytes of lines: " text" ends with CRLF, "- text" with
// nothing. Escapes are Go's; {N*text} is text N times.
func wireBytes(lines []string) ([]byte, error) {
	var out []byte
	for _, l := range lines {
		if l == wireAlone || l == wireOpen {
			continue
		}
		end := "\r\n"
		if rest, is := strings.CutPrefix(l, "-"); is {
			l, end = rest, ""
		}
		l = strings.TrimPrefix(l, " ")
		l = wireRepeat.ReplaceAllStringFunc(l, func(s string) string {
			m := wireRepeat.FindStringSubmatch(s)
			n, _ := strconv.Atoi(m[1])
			return strings.Repeat(m[2], n)
		})
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(l, `"`, `\"`) + `"`)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", l, err)
		}
		out = append(append(out, text...), end...)
	}
	return out, nil
}
