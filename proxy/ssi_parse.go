package proxy

// ssiOpen is what begins a command.
var ssiOpen = []byte("<!--#")

// Limits of a command, as nginx has them.
const (
	maxSSIParams  = 16
	maxSSICommand = 32
	maxSSIParam   = 32
)

// ssiParser reads commands byte by byte, so that one may be split anywhere.
//
// See: ngx_http_ssi_parse.
type ssiParser struct {
	state  ssiState
	quote  byte // around the value being read
	looked int  // bytes of ssiOpen seen
	saved  int  // of them, in earlier pieces
	name   []byte
	params []ssiParam // one more than allowed tells that there were too many
}

type ssiParam struct{ key, value []byte }

type ssiState uint8

const (
	ssiText ssiState = iota
	ssiOpening
	ssiPreCommand
	ssiCommand
	ssiPreParam
	ssiInParam
	ssiPreEqual
	ssiPreValue
	ssiValue
	ssiQuoted
	ssiPostParam
	ssiClosing0
	ssiClosing1
	ssiBroken
	ssiBroken0
	ssiBroken1
)

// ssiEvent is what the bytes read so far amount to.
type ssiEvent uint8

const (
	ssiGotNothing ssiEvent = iota
	ssiGotCommand
	ssiGotError
)

// begin starts a new command.
func (s *ssiParser) begin() {
	s.state, s.looked, s.saved = ssiPreCommand, 0, 0
	s.name, s.params = s.name[:0], s.params[:0]
}

// addParam makes room for a parameter, with the memory of earlier ones.
func (s *ssiParser) addParam(ch byte) {
	n := len(s.params)
	switch {
	case n > maxSSIParams:
		n--
	case n < cap(s.params):
		s.params = s.params[:n+1]
	default:
		s.params = append(s.params, ssiParam{})
	}
	p := &s.params[n]
	p.key, p.value = append(p.key[:0], ch), p.value[:0]
}

func ssiSpace(ch byte) bool { return ch == ' ' || ch == '\r' || ch == '\n' || ch == '\t' }

// parse reads p until a command ends. n is how much it took.
func (s *ssiStage) parse(r *Request, p []byte) (n int, ev ssiEvent) {
	for i, ch := range p {
		switch s.state {
		case ssiPreCommand:
			if !ssiSpace(ch) {
				s.name = append(s.name, ch)
				s.state = ssiCommand
			}
		case ssiCommand:
			switch {
			case ssiSpace(ch):
				s.state = ssiPreParam
			case ch == '-':
				s.state = ssiClosing0
			case len(s.name) == maxSSICommand:
				r.logf(logError, "the \"%s%c...\" SSI command is too long", s.name, ch)
				s.state = ssiBroken
			default:
				s.name = append(s.name, ch)
			}
		case ssiPreParam:
			switch {
			case ssiSpace(ch):
			case ch == '-':
				s.state = ssiClosing0
			default:
				s.addParam(ch)
				s.state = ssiInParam
			}
		case ssiInParam, ssiPreEqual, ssiPreValue:
			s.parseParam(r, ch)
		case ssiValue, ssiQuoted:
			s.parseValue(r, ch)
		case ssiPostParam:
			switch {
			case ssiSpace(ch):
				s.state = ssiPreParam
			case ch == '-':
				s.state = ssiClosing0
			default:
				prm := s.param()
				r.logf(logError, "unexpected \"%c\" symbol after \"%s\" value of \"%s\" parameter in \"%s\" SSI command",
					ch, prm.value, prm.key, s.name)
				s.state = ssiBroken
			}
		case ssiClosing0, ssiClosing1:
			switch {
			case s.state == ssiClosing0 && ch == '-':
				s.state = ssiClosing1
			case s.state == ssiClosing1 && ch == '>':
				s.state = ssiText
				return i + 1, ssiGotCommand
			default:
				r.logf(logError, "unexpected \"%c\" symbol in \"%s\" SSI command", ch, s.name)
				s.state = ssiBroken
			}
		case ssiBroken:
			if ch == '-' {
				s.state = ssiBroken0
			}
		case ssiBroken0:
			s.state = ssiBroken
			if ch == '-' {
				s.state = ssiBroken1
			}
		case ssiBroken1:
			s.state = ssiBroken
			if ch == '>' {
				s.state = ssiText
				return i + 1, ssiGotError
			}
		}
	}
	return len(p), ssiGotNothing
}

// param is the parameter being read.
func (s *ssiParser) param() *ssiParam { return &s.params[len(s.params)-1] }

// parseParam reads a parameter's name up to its value.
func (s *ssiStage) parseParam(r *Request, ch byte) {
	prm := s.param()
	switch {
	case ssiSpace(ch):
		if s.state == ssiInParam {
			s.state = ssiPreEqual
		}
		return
	case ch == '=' && s.state != ssiPreValue:
		s.state = ssiPreValue
		return
	case (ch == '"' || ch == '\'') && s.state == ssiPreValue:
		s.quote, s.state = ch, ssiValue
		return
	case ch != '-' && s.state == ssiInParam:
		if len(prm.key) < maxSSIParam {
			prm.key = append(prm.key, ch)
			return
		}
		r.logf(logError, "too long \"%s%c...\" parameter in \"%s\" SSI command", prm.key, ch, s.name)
		s.state = ssiBroken
		return
	}
	where := "after \"%s\" parameter in \"%s\" SSI command"
	if s.state == ssiPreValue {
		where = "before value of \"%s\" parameter in \"%s\" SSI command"
	}
	r.logf(logError, "unexpected \"%c\" symbol "+where, ch, prm.key, s.name)
	s.state = ssiBroken
	if ch == '-' {
		s.state = ssiBroken0
	}
}

// parseValue reads a parameter's value. Backslashes stay in it.
func (s *ssiStage) parseValue(r *Request, ch byte) {
	prm := s.param()
	state := ssiValue
	if s.state == ssiValue {
		if ch == s.quote {
			s.state = ssiPostParam
			return
		}
		if ch == '\\' {
			state = ssiQuoted
		}
	}
	if len(prm.value) == s.conf.valueLen {
		r.logf(logError, "too long \"%s%c...\" value of \"%s\" parameter in \"%s\" SSI command", prm.value, ch, prm.key, s.name)
		s.state = ssiBroken
		return
	}
	prm.value = append(prm.value, ch)
	s.state = state
}
