package proxy

import (
	"strings"
)

// ssiRC is how a command ended.
type ssiRC uint8

const (
	ssiOK    ssiRC = iota
	ssiError       // the error message stands for it
	ssiFatal       // the response cannot go on
)

// variable looks a name up: captures, what the page has set, then nginx's.
//
// See: ngx_http_ssi_get_variable.
func (s *ssiStage) variable(r *Request, name string) (string, bool) {
	name = lower(name)
	if v, found := s.pageVar(r, name); found {
		return v, true
	}
	return r.lookupVar(name)
}

// pageVar is variable without nginx's own. name is in lower case.
func (s *ssiStage) pageVar(r *Request, name string) (string, bool) {
	sh := s.shared(r)
	if i, isCapture := sh.capture(name); isCapture {
		return sh.captures[i], true
	}
	v, found := sh.vars[name]
	return v, found
}

// capture tells whether a name is that of a capture.
func (sh *ssiShared) capture(name string) (int, bool) {
	if len(name) != 1 || name[0] < '0' || name[0] > '9' {
		return 0, false
	}
	i := int(name[0] - '0')
	return i, i < len(sh.captures)
}

// set stores a variable of the page. A capture's name is not given away.
func (sh *ssiShared) set(name, val string) {
	name = lower(name)
	if _, isCapture := sh.capture(name); isCapture {
		return
	}
	if sh.vars == nil {
		sh.vars = map[string]string{}
	}
	sh.vars[name] = val
}

// expand replaces variables in a text and takes the backslashes off.
//
// See: ngx_http_ssi_evaluate_string.
func (s *ssiStage) expand(r *Request, text string) (string, ssiRC) {
	if strings.IndexByte(text, '$') < 0 && strings.IndexByte(text, '\\') < 0 {
		return text, ssiOK
	}
	out := make([]byte, 0, len(text)+64)
	for i := 0; i < len(text); {
		if text[i] != '$' {
			out, i = ssiPlain(out, text, i)
			continue
		}
		i++
		braced := i < len(text) && text[i] == '{'
		if braced {
			i++
		}
		from := i
		for i < len(text) && (alnumByte(text[i]) || text[i] == '_') {
			i++
		}
		name := text[from:i]
		if braced && from < len(text) {
			if i == len(text) || text[i] != '}' {
				r.logf(logError, "the closing bracket in \"%s\" variable is missing", name)
				return "", ssiError
			}
			i++
		}
		if name == "" {
			r.logf(logError, "invalid variable name in \"%s\"", text)
			return "", ssiError
		}
		if v, found := s.variable(r, name); found {
			out = append(out, v...)
		}
	}
	return string(out), ssiOK
}

// ssiPlain copies text up to the next variable. A backslash before a quote,
// a dollar or a backslash goes.
func ssiPlain(out []byte, text string, i int) ([]byte, int) {
	quoted := false
	for ; i < len(text); i++ {
		ch := text[i]
		if !quoted {
			if ch == '\\' {
				quoted = true
				continue
			}
			if ch == '$' {
				break
			}
		} else {
			quoted = false
			if ch != '\\' && ch != '\'' && ch != '"' && ch != '$' {
				out = append(out, '\\')
			}
		}
		out = append(out, ch)
	}
	return out, i
}

func alnumByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// condition evaluates the expression of an "if".
//
// See: ngx_http_ssi_if.
func (s *ssiStage) condition(r *Request, expr string) (bool, ssiRC) {
	i := 0
	for i < len(expr) && (alnumByte(expr[i]) || strings.IndexByte("${}_\"'", expr[i]) >= 0) {
		i++
	}
	left, res := s.expand(r, lower(expr[:i]))
	if res != ssiOK {
		return false, res
	}
	rest := strings.TrimLeft(expr[i:], " ")
	if rest == "" {
		return left != "", ssiOK
	}
	rest, equal := strings.CutPrefix(rest, "=")
	if !equal {
		var differ bool
		if rest, differ = strings.CutPrefix(rest, "!="); !differ {
			return s.badExpression(r, expr)
		}
	}
	rest = strings.TrimLeft(rest, " ")
	var match bool
	if len(rest) > 1 && rest[0] == '/' {
		if rest[len(rest)-1] != '/' {
			return s.badExpression(r, expr)
		}
		if match, res = s.regexMatch(r, rest[1:len(rest)-1], left); res != ssiOK {
			return false, res
		}
	} else {
		if strings.HasPrefix(rest, `\/`) {
			rest = rest[1:]
		}
		right, res := s.expand(r, rest)
		if res != ssiOK {
			return false, res
		}
		match = left == right
	}
	return match == equal, ssiOK
}

func (s *ssiStage) badExpression(r *Request, expr string) (bool, ssiRC) {
	r.logf(logError, "invalid expression in \"%s\"", expr)
	return false, ssiError
}

// regexMatch matches an expression and keeps its captures for the page.
func (s *ssiStage) regexMatch(r *Request, pattern, subject string) (bool, ssiRC) {
	pattern, res := s.expand(r, pattern)
	if res != ssiOK {
		return false, res
	}
	re, err := s.conf.regex(pattern)
	if err != nil {
		r.logf(logError, "%v", err)
		return false, ssiError
	}
	groups := make([]int, 2*(re.NumCaptures()+1))
	n, err := re.Match(subject, 0, groups)
	if err != nil {
		r.logf(logAlert, "pcre2_match() failed: %v on \"%s\" using \"%s\"", err, subject, pattern)
		return false, ssiError
	}
	if n <= 0 {
		return false, ssiOK
	}
	subject = strings.Clone(subject)
	group := func(i int) string {
		if 2*i+1 < len(groups) && groups[2*i] >= 0 && groups[2*i+1] >= groups[2*i] {
			return subject[groups[2*i]:groups[2*i+1]]
		}
		return ""
	}
	sh := s.shared(r)
	sh.captures = make([]string, n)
	for i := range n {
		sh.captures[i] = group(i)
	}
	for _, name := range re.Names() {
		sh.set(name.Name, group(name.Index))
	}
	return true, ssiOK
}
