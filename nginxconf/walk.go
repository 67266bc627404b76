package nginxconf

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
)

// build is one load in progress: the Config being filled, where the walk
// stands, and what has been said.
type build struct {
	opt        Options
	files      Files
	conf       *Config
	confPrefix string // directory of the main file
	diags      Diagnostics

	node       *Node                   // the directive being handled
	ctx        Context                 // where it stands
	cur        level                   // what it writes into
	raw        func(*Node) error       // set inside map, types, …: every entry goes there
	opened     []string                // files being read, against cycles
	dumped     map[string]bool         // files already in conf.Files
	endOfHTTP  Pos                     // where the http block ends: nginx reports merge errors there
	lenient    bool                    // an implicit http block was opened
	vars       variables               // declared and needed variables
	order      map[any][]*Location     // locations and ifs of a server or location, in order
	cores      map[coreKey]*CoreLoc    // see mergeCore
	handlers   map[*LocConf]Handler    // content handlers, until they are merged
	once       map[onceKey]bool        // singular directives without a place of their own
	shadows    map[shadowKey]*LocConf  // see likeProxy
	geoNets    map[netip.Prefix]string // of the geo block being read
	hashSizes  map[*LocConf]hashSizes
	logBuffers map[string]logBuffer // by file
	listens    []*boundAddr         // every address listened on, in order
	zones      map[string]*sharedZone
	zoneOrder  []string
	lines      map[string]*lineIndex
	ups        map[string]*Upstream // by upKey
	implicit   []*implicitUp        // made for literal addresses, in order
	steps      *[]ReleaseStep       // of the rule or block being read
}

func newBuild(files Files, opt Options) *build {
	b := &build{opt: opt, files: files, conf: &Config{}, dumped: map[string]bool{},
		order: map[any][]*Location{}, cores: map[coreKey]*CoreLoc{}, handlers: map[*LocConf]Handler{}, once: map[onceKey]bool{}, shadows: map[shadowKey]*LocConf{}, hashSizes: map[*LocConf]hashSizes{}, logBuffers: map[string]logBuffer{}, zones: map[string]*sharedZone{},
		ups: map[string]*Upstream{}}
	b.cur.main, b.cur.events = &b.conf.Main, &b.conf.Events
	b.vars.init()
	return b
}

// pos is the place of the directive being handled.
func (b *build) pos() Pos {
	if b.node == nil {
		return Pos{}
	}
	return b.node.Pos()
}

// run reads -g, then the file, then finishes.
func (b *build) run(file string) error {
	b.ctx = CtxMain
	if b.opt.Globals != "" {
		s, err := parse(CommandLine, b.opt.Globals, true, true)
		if err != nil {
			return err
		}
		for _, n := range s.kids {
			if n.Block {
				return b.emergAt(n.Pos(), "block directives are not supported in -g option")
			}
		}
		if err := b.file(s); err != nil {
			return err
		}
	}
	b.opened = append(b.opened, b.opt.MapPath(file))
	s, err := b.read(b.opt.MapPath(file))
	if err != nil {
		return err
	}
	if frag := fragment(s.kids); frag != nil && !b.opt.Strict {
		if err := b.implicitHTTP(s, frag); err != nil {
			return err
		}
	} else if err := b.file(s); err != nil {
		return err
	}
	return b.finishMain()
}

// read parses a file and keeps its bytes for -T.
func (b *build) read(name string) (*source, error) {
	data, err := b.files.ReadFile(name)
	if errors.Is(err, syscall.EISDIR) {
		return nil, &confErr{d: Diagnostic{Severity: Crit, Message: `pread() "` + name + `" failed ` + errno(err)}}
	}
	if err != nil {
		return nil, b.emerg(`open() "%s" failed %s`, name, errno(err))
	}
	if !b.dumped[name] {
		b.dumped[name] = true
		b.conf.Files = append(b.conf.Files, SourceFile{name, data})
	}
	if b.opt.ReadTree != nil {
		nodes, taken, problem := b.opt.ReadTree(name, data)
		if problem != nil {
			return nil, &confErr{d: *problem}
		}
		if taken {
			return &source{name: name, kids: nodes}, nil
		}
	}
	return parse(name, string(data), b.opt.Strict, false)
}

// file walks a file's top level in the current context.
func (b *build) file(s *source) error {
	if err := b.nodes(s.kids); err != nil {
		return err
	}
	if s.err != nil {
		return b.lexical(s.name, s.err)
	}
	return nil
}

// lexical is the error where scanning stopped.
func (b *build) lexical(file string, e *lexError) error {
	b.node = nil
	line := e.line
	if file == CommandLine {
		line = 0
	}
	return b.emergAt(Pos{file, line}, "%s", e.msg)
}

// maxOpen is how deep includes nest: nginx keeps every file open while it
// reads what that includes, and ends an include of itself so.
const maxOpen = 1000

// include walks the files that an include names.
func (b *build) include(n *Node) error {
	name := b.confName(n.Args[0])
	names := []string{name}
	if strings.ContainsAny(name, "*?[") {
		names = glob(b.files, name)
	}
	for _, name := range names {
		if len(b.opened) > maxOpen {
			return b.emerg(`open() "%s" failed %s`, name, errno(syscall.EMFILE))
		}
		s, err := b.read(name)
		if err != nil {
			return err
		}
		b.opened = append(b.opened, name)
		err = b.file(s)
		b.opened = b.opened[:len(b.opened)-1]
		if err != nil {
			return err
		}
	}
	return nil
}

// body walks a block's directives in a context and a level; both are restored.
func (b *build) body(n *Node, ctx Context, cur level) error {
	savedCtx, savedCur, savedNode := b.ctx, b.cur, b.node
	b.ctx, b.cur = ctx, cur
	err := b.nodes(n.Kids)
	if err == nil && n.broken != nil {
		err = b.lexical(n.File, n.broken)
	}
	b.ctx, b.cur, b.node = savedCtx, savedCur, savedNode
	return err
}

// entries walks a block of raw entries, such as map's.
func (b *build) entries(n *Node, entry func(*Node) error) error {
	saved := b.raw
	b.raw = entry
	err := b.body(n, b.ctx, b.cur)
	b.raw = saved
	return err
}

// nodes handles directives in order until the first error.
func (b *build) nodes(nodes []*Node) error {
	for _, n := range nodes {
		b.node = n
		if n.noSemi {
			b.observe(ObservedForgiven, n.Name, Supported, `its ";" is missing`)
			b.diags = append(b.diags, Diagnostic{Severity: Warn, Pos: n.Pos(), Directive: n.Name,
				Message: `";" is missing after the "` + n.Name + `" directive`, Hint: `nginx refuses this with: unexpected "}"`})
		}
		if b.raw != nil {
			if n.Block {
				return b.emerg(`unexpected "{"`)
			}
			if err := b.raw(n); err != nil {
				return b.complete(n, err)
			}
			continue
		}
		if err := b.handle(n); err != nil {
			return b.complete(n, err)
		}
	}
	return nil
}

// complete turns a setter's short message into the whole one.
func (b *build) complete(n *Node, err error) error {
	if short, ok := err.(dirErr); ok {
		b.node = n
		return b.emerg(`"%s" directive %s`, n.Name, string(short))
	}
	return err
}

// handle finds the directive's row and runs it.
// See: ngx_conf_handler, for the order of the checks.
func (b *build) handle(n *Node) error {
	rows := table().byName[n.Name]
	for _, r := range rows {
		if r.ctx&b.ctx == 0 {
			continue
		}
		switch {
		case !r.block && n.Block:
			return b.emerg(`directive "%s" is not terminated by ";"`, n.Name)
		case r.block && !n.Block:
			return b.withHint(b.emerg(`directive "%s" has no opening "{"`, n.Name), n)
		case !r.args.ok(len(n.Args)):
			return b.withHint(b.emerg(`invalid number of arguments in "%s" directive`, n.Name), n)
		}
		switch r.status {
		case Unsupported:
			if len(n.Args) == 1 && n.Args[0] == "off" {
				b.observe(ObservedDirective, n.Name, Supported, "")
				return nil
			}
			return b.refuse(r.reason, `"%s" directive is not supported: %s`, n.Name, r.reason)
		case Supported:
			b.observe(ObservedDirective, n.Name, Supported, "")
		case Ignored:
			b.observe(ObservedDirective, n.Name, Ignored, r.reason)
			b.diags = append(b.diags, Diagnostic{Severity: Notice, Pos: n.Pos(), Directive: n.Name,
				Message: `"` + n.Name + `" directive has no effect: ` + r.reason})
		}
		if n.broken != nil && strings.HasSuffix(n.Name, "_by_lua_block") {
			return b.lexical(n.File, n.broken)
		}
		return b.diverted(r.set(b, n))
	}
	if len(rows) > 0 {
		return b.emerg(`"%s" directive is not allowed here`, n.Name)
	}
	near := nearest(n.Name, b.ctx)
	reason := "no module of huidu has it"
	if near != "" {
		reason += `; did you mean "` + near + `"?`
	}
	err := b.refuse(reason, `unknown directive "%s"`, n.Name)
	if err == nil {
		return nil
	}
	if near != "" {
		err.(*confErr).d.Hint = `did you mean "` + near + `"?`
		return err
	}
	return b.withHint(err, n)
}

// onceKey is a directive and the level it was written at.
type onceKey struct {
	name string
	at   any
}

// single refuses a second occurrence at one level of a directive that has no
// place of its own in Config.
func (b *build) single(name string) error {
	key := onceKey{name, b.cur.main}
	switch {
	case b.cur.up != nil:
		key.at = b.cur.up
	case b.cur.loc != nil:
		key.at = b.cur.loc
	case b.ctx == CtxEvents:
		key.at = b.cur.events
	}
	if b.once[key] {
		return errDuplicate
	}
	b.once[key] = true
	return nil
}
