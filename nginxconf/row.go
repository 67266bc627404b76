package nginxconf

import (
	"strings"
	"sync"
)

// Context is a set of places where a directive may stand.
type Context uint32

// The contexts, as nginx's manual names them.
const (
	CtxMain Context = 1 << iota
	CtxEvents
	CtxHTTP
	CtxServer
	CtxServerIf
	CtxLocation
	CtxLocationIf
	CtxLimitExcept
	CtxUpstream
	CtxStream
	CtxStreamServer
	CtxStreamUpstream
	CtxRelease
	CtxAny Context = 1<<iota - 1
)

// The usual sets.
const (
	ctxHS    = CtxHTTP | CtxServer
	ctxHSL   = ctxHS | CtxLocation
	ctxHSLI  = ctxHSL | CtxLocationIf
	ctxHSLX  = ctxHSL | CtxLimitExcept
	ctxHSLIX = ctxHSLI | CtxLimitExcept
	ctxLI    = CtxLocation | CtxLocationIf
	ctxSL    = CtxServer | CtxLocation
	ctxSSLI  = CtxServer | CtxServerIf | ctxLI
	ctxHSSLI = CtxHTTP | ctxSSLI
)

var contextNames = []string{"main", "events", "http", "server", "if-in-server", "location", "if-in-location",
	"limit_except", "upstream", "stream", "stream-server", "stream-upstream", "release"}

// String lists the contexts, separated by "|".
func (c Context) String() string {
	if c == CtxAny {
		return "any"
	}
	var names []string
	for i, n := range contextNames {
		if c&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, "|")
}

// argSpec says how many arguments a directive takes: a bit per count, or one
// of the open forms.
type argSpec uint16

const (
	noArgs argSpec = 1 << iota
	take1
	take2
	take3
	take4
	take5
	take6
	take7
	anyArgs
	oneMore
	twoMore
	flagArg
	take12   = take1 | take2
	take13   = take1 | take3
	take23   = take2 | take3
	take123  = take1 | take2 | take3
	take1234 = take1 | take2 | take3 | take4
)

// ok reports whether n arguments satisfy the spec.
func (a argSpec) ok(n int) bool {
	switch {
	case a&anyArgs != 0:
		return true
	case a&flagArg != 0:
		return n == 1
	case a&oneMore != 0:
		return n >= 1
	case a&twoMore != 0:
		return n >= 2
	}
	return n < 8 && a&(1<<n) != 0
}

// String is the spec as the reference list writes it: "1", "1,2", "1+", "on|off".
func (a argSpec) String() string {
	switch {
	case a&anyArgs != 0:
		return "0+"
	case a&flagArg != 0:
		return "on|off"
	case a&oneMore != 0:
		return "1+"
	case a&twoMore != 0:
		return "2+"
	}
	var counts []string
	for i := range 8 {
		if a&(1<<i) != 0 {
			counts = append(counts, itoa(i))
		}
	}
	return strings.Join(counts, ",")
}

// Status says what huidu does with a directive.
type Status int

// The states of a directive. An Ignored one is checked and has no effect,
// with a notice; an Unsupported one is an error at load.
const (
	Supported Status = iota
	Ignored
	Unsupported
)

// String is the status in lower case.
func (s Status) String() string {
	return [...]string{"supported", "ignored", "unsupported"}[s]
}

// row is one directive of the table.
type row struct {
	name    string
	module  string
	ctx     Context
	args    argSpec
	block   bool
	status  Status
	reason  string
	dflt    string // for readers, as the manual writes it
	set     func(b *build, n *Node) error
	section section
	// inherit copies an unset value from the level above; defaults fills an
	// unset value at the top. nil where a value is not inherited.
	inherit  func(parent, child *level)
	defaults func(l *level)
}

// ignored marks a directive that is checked and has no effect here.
func (r row) ignored(reason string) row {
	r.status, r.reason = Ignored, reason
	return r
}

// unsupported marks a directive that stops the load.
func (r row) unsupported(reason string) row {
	r.status, r.reason = Unsupported, reason
	return r
}

// Row describes one directive to other tools.
type Row struct {
	Name     string
	Module   string
	Contexts Context
	Args     string // "1", "1,2", "1+", "0+", "on|off"
	Block    bool
	Status   Status
	Reason   string // why it is ignored or unsupported
	Default  string // as the manual writes it; "" for none
}

// Rows lists every directive, module by module.
func Rows() []Row {
	out := make([]Row, len(table().rows))
	for i := range table().rows {
		r := &table().rows[i]
		out[i] = Row{r.name, r.module, r.ctx, r.args.String(), r.block, r.status, r.reason, r.dflt}
	}
	return out
}

// directives is the whole table with its index.
type directives struct {
	rows   []row
	byName map[string][]*row
	bySect [sectionCount][]*row // rows with inheritance
}

// table is the one table, made on first use: its setters refer to it, so it
// cannot be an initialised variable.
func table() *directives {
	tableOnce.Do(func() { theTable = newTable() })
	return theTable
}

var (
	tableOnce sync.Once
	theTable  *directives
)

// moduleRows is one module's name and rows.
type moduleRows struct {
	name string
	rows []row
}

func newTable() *directives {
	t := &directives{byName: map[string][]*row{}}
	for _, m := range modules() {
		for _, r := range m.rows {
			if r.module == "" {
				r.module = m.name
			}
			if r.name == "" {
				hidden := r
				t.bySect[r.section] = append(t.bySect[r.section], &hidden)
				continue
			}
			t.rows = append(t.rows, r)
		}
	}
	for i := range t.rows {
		r := &t.rows[i]
		t.byName[r.name] = append(t.byName[r.name], r)
		if r.inherit != nil || r.defaults != nil {
			t.bySect[r.section] = append(t.bySect[r.section], r)
		}
	}
	return t
}
