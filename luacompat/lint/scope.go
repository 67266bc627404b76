package lint

import "github.com/yuin/gopher-lua/ast"

// variable is a local, a parameter or a global, with all that is ever assigned
// to it.
type variable struct {
	name   string
	fn     *ast.FunctionExpr // where it was declared; nil for the chunk and globals
	global bool
	param  bool // or a loop's variable: it has values that are not seen
	values []binding
	uses   []*ast.IdentExpr
}

// binding is the i-th value of an expression.
type binding struct {
	expr ast.Expr
	i    int
}

// scope is one block's locals.
type scope struct {
	up    *scope
	names map[string]*variable
}

// resolver finds out which variable each name is.
type resolver struct {
	r     *reader
	scope *scope
	fn    *ast.FunctionExpr
}

func (r *reader) resolve() {
	r.vars, r.decls, r.params = map[*ast.IdentExpr]*variable{}, map[ast.Stmt][]*variable{}, map[*ast.FunctionExpr][]*variable{}
	r.globals, r.within = map[string]*variable{}, map[*ast.FunctionExpr]*ast.FunctionExpr{}
	r.memo, r.busy, r.ends, r.seen = map[ast.Expr]value{}, map[ast.Expr]bool{}, map[*ast.FunctionExpr]bool{}, map[Use]bool{}
	s := &resolver{r: r}
	s.block(r.chunk.Stmts)
}

func (s *resolver) open()  { s.scope = &scope{up: s.scope, names: map[string]*variable{}} }
func (s *resolver) close() { s.scope = s.scope.up }

func (s *resolver) block(stmts []ast.Stmt) {
	s.open()
	s.stmts(stmts)
	s.close()
}

func (s *resolver) declare(name string) *variable {
	v := &variable{name: name, fn: s.fn}
	s.scope.names[name] = v
	return v
}

func (s *resolver) lookup(name string) *variable {
	for sc := s.scope; sc != nil; sc = sc.up {
		if v := sc.names[name]; v != nil {
			return v
		}
	}
	v := s.r.globals[name]
	if v == nil {
		v = &variable{name: name, global: true}
		s.r.globals[name] = v
	}
	return v
}

// bind notes what a list of targets is assigned.
func bind(vars []*variable, exprs []ast.Expr) {
	for i, v := range vars {
		if v == nil {
			continue
		}
		switch n := len(exprs); {
		case i < n:
			v.values = append(v.values, binding{exprs[i], 0})
		case n > 0:
			v.values = append(v.values, binding{exprs[n-1], i - n + 1})
		default:
			v.values = append(v.values, binding{})
		}
	}
}

func (s *resolver) stmts(list []ast.Stmt) {
	for _, st := range list {
		s.stmt(st)
	}
}

func (s *resolver) stmt(st ast.Stmt) {
	switch st := st.(type) {
	case *ast.LocalAssignStmt:
		own := s.r.chunk.IsLocalFunction(st)
		var vars []*variable
		if own {
			vars = []*variable{s.declare(st.Names[0])}
		}
		s.exprs(st.Exprs)
		if !own {
			for _, n := range st.Names {
				vars = append(vars, s.declare(n))
			}
		}
		s.r.decls[st] = vars
		bind(vars, st.Exprs)
	case *ast.AssignStmt:
		s.exprs(st.Rhs)
		s.exprs(st.Lhs)
		vars := make([]*variable, len(st.Lhs))
		for i, l := range st.Lhs {
			if id, ok := l.(*ast.IdentExpr); ok {
				vars[i] = s.r.vars[id]
			}
		}
		bind(vars, st.Rhs)
	case *ast.FuncCallStmt:
		s.expr(st.Expr)
	case *ast.DoBlockStmt:
		s.block(st.Stmts)
	case *ast.WhileStmt:
		s.expr(st.Condition)
		s.block(st.Stmts)
	case *ast.RepeatStmt:
		s.open()
		s.stmts(st.Stmts)
		s.expr(st.Condition)
		s.close()
	case *ast.IfStmt:
		s.expr(st.Condition)
		s.block(st.Then)
		s.block(st.Else)
	case *ast.NumberForStmt:
		s.exprs([]ast.Expr{st.Init, st.Limit, st.Step})
		s.loop(st, []string{st.Name}, st.Stmts)
	case *ast.GenericForStmt:
		s.exprs(st.Exprs)
		s.loop(st, st.Names, st.Stmts)
	case *ast.ReturnStmt:
		s.exprs(st.Exprs)
	}
}

func (s *resolver) loop(st ast.Stmt, names []string, body []ast.Stmt) {
	s.open()
	for _, n := range names {
		v := s.declare(n)
		v.param = true
		s.r.decls[st] = append(s.r.decls[st], v)
	}
	s.stmts(body)
	s.close()
}

func (s *resolver) exprs(list []ast.Expr) {
	for _, e := range list {
		s.expr(e)
	}
}

func (s *resolver) expr(e ast.Expr) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		v := s.lookup(e.Value)
		v.uses = append(v.uses, e)
		s.r.vars[e] = v
	case *ast.FunctionExpr:
		outer := s.fn
		s.r.within[e] = outer
		s.fn = e
		s.open()
		var params []*variable
		for _, n := range e.ParList.Names {
			v := s.declare(n)
			v.param = true
			params = append(params, v)
		}
		s.r.params[e] = params
		s.stmts(e.Stmts)
		s.close()
		s.fn = outer
		s.r.funcs = append(s.r.funcs, e)
	default:
		for _, kid := range kids(e) {
			s.expr(kid)
		}
	}
}

// kids are the expressions directly inside one, functions' bodies aside.
func kids(e ast.Expr) []ast.Expr {
	switch e := e.(type) {
	case *ast.AttrGetExpr:
		return []ast.Expr{e.Object, e.Key}
	case *ast.TableExpr:
		var out []ast.Expr
		for _, f := range e.Fields {
			if f.Key != nil {
				out = append(out, f.Key)
			}
			out = append(out, f.Value)
		}
		return out
	case *ast.FuncCallExpr:
		out := make([]ast.Expr, 0, len(e.Args)+1)
		if e.Receiver != nil {
			out = append(out, e.Receiver)
		} else {
			out = append(out, e.Func)
		}
		return append(out, e.Args...)
	case *ast.LogicalOpExpr:
		return []ast.Expr{e.Lhs, e.Rhs}
	case *ast.RelationalOpExpr:
		return []ast.Expr{e.Lhs, e.Rhs}
	case *ast.StringConcatOpExpr:
		return []ast.Expr{e.Lhs, e.Rhs}
	case *ast.ArithmeticOpExpr:
		return []ast.Expr{e.Lhs, e.Rhs}
	case *ast.UnaryMinusOpExpr:
		return []ast.Expr{e.Expr}
	case *ast.UnaryNotOpExpr:
		return []ast.Expr{e.Expr}
	case *ast.UnaryLenOpExpr:
		return []ast.Expr{e.Expr}
	}
	return nil
}
