package proxy

import (
	"strings"

	"huidu/proxy/http1"
)

// The places of an "if" that elif, else and endif need.
const (
	ssiAfterIf   = 1
	ssiAfterElse = 2
)

// ssiCmd is one command.
//
// See: https://nginx.org/en/docs/http/ngx_http_ssi_module.html#commands
type ssiCmd struct {
	run         func(s *ssiStage, r *Request, next int, a *ssiArgs) ssiRC
	params      []string // the first few must be given
	mandatory   int
	conditional int  // runs only behind "if", or up to "else"
	block       bool // runs within a block too
}

// ssiArgs are a command's parameters, in the order of ssiCmd.params.
type ssiArgs [5]struct {
	val   string
	given bool
}

var ssiCommands map[string]*ssiCmd

func init() { // the commands refer to the table
	ssiCommands = map[string]*ssiCmd{
		"include":  {run: (*ssiStage).include, params: []string{"virtual", "file", "wait", "set", "stub"}},
		"echo":     {run: (*ssiStage).echo, params: []string{"var", "default", "encoding"}, mandatory: 1},
		"config":   {run: (*ssiStage).config, params: []string{"errmsg", "timefmt"}},
		"set":      {run: (*ssiStage).setVar, params: []string{"var", "value"}, mandatory: 2},
		"if":       {run: (*ssiStage).ifCommand, params: []string{"expr"}, mandatory: 1},
		"elif":     {run: (*ssiStage).elifCommand, params: []string{"expr"}, mandatory: 1, conditional: ssiAfterIf},
		"else":     {run: (*ssiStage).elseCommand, conditional: ssiAfterIf},
		"endif":    {run: (*ssiStage).endif, conditional: ssiAfterElse},
		"block":    {run: (*ssiStage).beginBlock, params: []string{"name"}, mandatory: 1},
		"endblock": {run: (*ssiStage).endBlock, block: true},
	}
}

// command runs the command that was read.
func (s *ssiStage) command(r *Request, next int) rc {
	cmd := ssiCommands[string(s.name)]
	if cmd == nil {
		if !s.output {
			return ok
		}
		r.logf(logError, "invalid SSI command: \"%s\"", s.name)
		return s.fault(r, next)
	}
	if !s.output && !cmd.block {
		if s.inBlock {
			s.quoteCommand(r)
			return ok
		}
		if cmd.conditional == 0 {
			return ok
		}
	}
	if cmd.conditional != 0 && (s.conditional == 0 || s.conditional > cmd.conditional) {
		r.logf(logError, "invalid context of SSI command: \"%s\"", s.name)
		return s.fault(r, next)
	}
	var args ssiArgs
	if !s.args(r, cmd, &args) {
		return s.fault(r, next)
	}
	switch cmd.run(s, r, next, &args) {
	case ssiError:
		return s.fault(r, next)
	case ssiFatal:
		return failed
	}
	return ok
}

// quoteCommand puts the text of a command into the block being written.
func (s *ssiStage) quoteCommand(r *Request) {
	b := s.lastBlock(r)
	b.text = append(append(b.text, "<!--#"...), s.name...)
	for i := range s.params {
		b.text = append(append(b.text, ' '), s.params[i].key...)
		b.text = append(append(append(b.text, `="`...), s.params[i].value...), '"')
	}
	b.text = append(b.text, " -->"...)
}

// args sorts the parameters by a command's list. false: they are wrong.
func (s *ssiStage) args(r *Request, cmd *ssiCmd, args *ssiArgs) bool {
	if len(s.params) > maxSSIParams {
		r.logf(logError, "too many SSI command parameters: \"%s\"", s.name)
		return false
	}
params:
	for i := range s.params {
		p := &s.params[i]
		for k, name := range cmd.params {
			if string(p.key) != name {
				continue
			}
			if args[k].given {
				r.logf(logError, "duplicate \"%s\" parameter in \"%s\" SSI command", p.key, s.name)
				return false
			}
			args[k].val, args[k].given = string(p.value), true
			continue params
		}
		r.logf(logError, "invalid parameter name: \"%s\" in \"%s\" SSI command", p.key, s.name)
		return false
	}
	for k := range cmd.mandatory {
		if !args[k].given {
			r.logf(logError, "mandatory \"%s\" parameter is absent in \"%s\" SSI command", cmd.params[k], s.name)
			return false
		}
	}
	return true
}

// echo prints a variable.
func (s *ssiStage) echo(r *Request, next int, a *ssiArgs) ssiRC {
	val, found := s.variable(r, a[0].val)
	if !found {
		if val = "(none)"; a[1].given {
			val = a[1].val
		}
	}
	if val == "" {
		return ssiOK
	}
	if enc := &a[2]; enc.given {
		switch enc.val {
		case "none":
			s.encoding = ssiEncodeNone
		case "url":
			s.encoding = ssiEncodeURL
		case "entity":
			s.encoding = ssiEncodeEntity
		default:
			r.logf(logError, "unknown encoding \"%s\" in the \"echo\" command", enc.val)
		}
	}
	text := []byte(val)
	switch s.encoding {
	case ssiEncodeURL:
		text = http1.EscapeURI(nil, val, http1.EscapeHTML)
	case ssiEncodeEntity:
		text = appendHTML(nil, val)
	}
	if s.emit(r, next, text) != ok {
		return ssiFatal
	}
	return ssiOK
}

// appendHTML writes the characters that mean something in HTML as entities.
//
// See: ngx_escape_html.
func appendHTML(dst []byte, s string) []byte {
	for i := range len(s) {
		switch s[i] {
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '&':
			dst = append(dst, "&amp;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

func (s *ssiStage) config(_ *Request, _ int, a *ssiArgs) ssiRC {
	if a[0].given {
		s.errmsg = a[0].val
	}
	if a[1].given {
		s.timefmt = a[1].val
	}
	return ssiOK
}

func (s *ssiStage) setVar(r *Request, _ int, a *ssiArgs) ssiRC {
	val, res := s.expand(r, a[1].val)
	if res == ssiOK {
		s.shared(r).set(a[0].val, strings.Clone(val))
	}
	return res
}

func (s *ssiStage) ifCommand(r *Request, next int, a *ssiArgs) ssiRC {
	if s.conditional != 0 {
		r.logf(logError, "the \"if\" command inside the \"if\" command")
		return ssiError
	}
	return s.elifCommand(r, next, a)
}

func (s *ssiStage) elifCommand(r *Request, _ int, a *ssiArgs) ssiRC {
	if s.chosen {
		s.output = false
		return ssiOK
	}
	holds, res := s.condition(r, a[0].val)
	if res != ssiOK {
		return res
	}
	s.output, s.chosen = holds, s.chosen || holds
	s.conditional = ssiAfterIf
	return ssiOK
}

func (s *ssiStage) elseCommand(*Request, int, *ssiArgs) ssiRC {
	s.output = !s.chosen
	s.conditional = ssiAfterElse
	return ssiOK
}

func (s *ssiStage) endif(*Request, int, *ssiArgs) ssiRC {
	s.output, s.chosen, s.conditional = true, false, 0
	return ssiOK
}

func (s *ssiStage) beginBlock(r *Request, _ int, a *ssiArgs) ssiRC {
	sh := s.shared(r)
	sh.blocks = append(sh.blocks, &ssiBlock{name: a[0].val})
	s.output, s.inBlock = false, true
	return ssiOK
}

func (s *ssiStage) endBlock(*Request, int, *ssiArgs) ssiRC {
	s.output, s.inBlock = true, false
	return ssiOK
}
