package nginxconf

import "strings"

// Release is a rule of a gray release: steps that run in a phase where a
// script would. See package proxy/release for what the steps mean.
type Release struct {
	Phase string // content, access, rewrite, set
	Steps []ReleaseStep
	Pos   Pos
}

// ReleaseStep is one step of a rule. Its expressions are still text.
type ReleaseStep struct {
	Name string
	Args []string
	Kids []ReleaseStep
	Pos  Pos
}

// releasePhases are the phases that release takes, with what it replaces.
var releasePhases = []string{"content", "access", "rewrite"}

// releaseRows are huidu's own: gray-release rules without Lua.
func releaseRows() []row {
	step := func(name string, args argSpec) row { return custom(name, CtxRelease, args, addReleaseStep) }
	block := func(name string, args argSpec) row { return blockOf(name, CtxRelease, args, addReleaseStep) }
	return []row{
		blockOf("release", ctxLua, take1, setRelease), blockOf("release_set", ctxSSLI, take1, setReleaseSet),
		step("let", take2), step("connect", take3|take4), step("timeout", take2|take4), step("auth", take3|take4),
		step("select", take3), step("ask", twoMore), step("keepalive", take2), step("close", take2),
		step("dict_get", take3), step("dict_set", take4|take5),
		step("say", anyArgs), step("print", anyArgs), step("log", twoMore), step("status", take1),
		step("set", take12), step("header", take2), step("request_header", take12),
		step("go", take12), step("exit", take1), step("redirect", take12), step("done", noArgs), step("value", take1), step("fault", take1),
		step("on_store_failure", take23),
		block("when", take1), block("otherwise", noArgs), block("try", take1),
	}
}

// setRelease puts a rule where a script of its phase would be.
func setRelease(b *build, n *Node) error {
	phase := n.Args[0]
	if !contains(releasePhases, phase) {
		return b.emerg(`"release" takes %s, not "%s"`, strings.Join(releasePhases, ", "), phase)
	}
	c, err := b.releaseCode(n, phase)
	if err != nil {
		return err
	}
	l := own(&b.cur.loc.Lua)
	switch phase {
	case "content":
		if b.ctx&ctxLI == 0 {
			return b.emerg(`"release content" is not allowed here`)
		}
		return setContentBy(b, n, c)
	case "access":
		return setOnce(&l.AccessBy, c, n)
	}
	return setOnce(&l.RewriteBy, c, n)
}

func setOnce(o *Opt[*LuaCode], c *LuaCode, n *Node) error {
	if o.Set {
		return errDuplicate
	}
	*o = Opt[*LuaCode]{V: c, Set: true, Pos: n.Pos()}
	return nil
}

// setReleaseSet is release_set $var {…}: the rule's value is the variable's.
func setReleaseSet(b *build, n *Node) error {
	name, err := b.newVariable(n.Args[0])
	if err != nil {
		return err
	}
	c, err := b.releaseCode(n, "set")
	if err != nil {
		return err
	}
	b.op(RewriteOp{SetLua: &SetLuaOp{Var: name, Code: c}})
	return nil
}

func (b *build) releaseCode(n *Node, phase string) (*LuaCode, error) {
	r := &Release{Phase: phase, Pos: n.Pos()}
	saved := b.steps
	b.steps = &r.Steps
	err := b.body(n, CtxRelease, b.cur)
	b.steps = saved
	return &LuaCode{Pos: n.Pos(), Directive: n.Name, Release: r}, err
}

// addReleaseStep adds a step to the rule or block that is being read.
func addReleaseStep(b *build, n *Node) error {
	s := ReleaseStep{Name: n.Name, Args: n.Args, Pos: n.Pos()}
	if len(s.Args) == 0 {
		s.Args = nil
	}
	if n.Name == "otherwise" {
		if k := len(*b.steps); k == 0 || (*b.steps)[k-1].Name != "when" {
			return b.emerg(`"otherwise" must follow a "when"`)
		}
	}
	if n.Block {
		saved := b.steps
		b.steps = &s.Kids
		err := b.body(n, CtxRelease, b.cur)
		b.steps = saved
		if err != nil {
			return err
		}
	}
	*b.steps = append(*b.steps, s)
	return nil
}
