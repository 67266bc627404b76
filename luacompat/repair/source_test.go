package repair

import (
	"fmt"
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/ast"
)

// TestParsePlaces: the AST is as written, and nodes know where they begin.
func TestParsePlaces(t *testing.T) {
	const src = "local a, b = 1, 'x'\r\n" +
		"--[[ 灰 ]] a, b = b .. a, t[1]  \n" +
		"if a then\n  cache:close()\nelseif b then break_it() end\n" +
		"for i = '1', 2 do while true do local x; do break end end end\n" +
		"local f = function() return f() end\n" +
		"local function g() return g(ngx.var.x, {1, k = 2}) end\n" +
		"\"s\":x()\n"
	c, err := Parse(strings.TrimSuffix(src, "\"s\":x()\n"), "=t")
	if err != nil {
		t.Fatal(err)
	}
	at := func(n ast.PositionHolder) string {
		line, col := c.Pos(n)
		return fmt.Sprintf("%d:%d", line, col)
	}
	assign := c.Stmts[1].(*ast.AssignStmt)
	cond := c.Stmts[2].(*ast.IfStmt)
	els := cond.Else[0].(*ast.IfStmt)
	loop := c.Stmts[3].(*ast.NumberForStmt).Stmts[0].(*ast.WhileStmt)
	g := c.Stmts[5].(*ast.LocalAssignStmt)
	call := g.Exprs[0].(*ast.FunctionExpr).Stmts[0].(*ast.ReturnStmt).Exprs[0].(*ast.FuncCallExpr)
	for _, tc := range []struct {
		what, got, want string
	}{
		{"local", at(c.Stmts[0]), "1:1"},
		{"string", at(c.Stmts[0].(*ast.LocalAssignStmt).Exprs[1]), "1:17"},
		{"assignment", at(assign), "2:11"},
		{"concatenation", at(assign.Rhs[0].(*ast.StringConcatOpExpr)), "2:18"},
		{"its right side", at(assign.Rhs[0].(*ast.StringConcatOpExpr).Rhs), "2:23"},
		{"index", at(assign.Rhs[1].(*ast.AttrGetExpr)), "2:26"},
		{"text", c.Text(assign.Rhs[1]), "t[1]"},
		{"method call", at(cond.Then[0].(*ast.FuncCallStmt).Expr), "4:3"},
		{"elseif", at(els), "5:1"},
		{"its call", at(els.Then[0]), "5:15"},
		{"break", at(loop.Stmts[1].(*ast.DoBlockStmt).Stmts[0].(*ast.BreakStmt)), "6:45"},
		{"call in return", at(call), "8:27"},
		{"argument", at(call.Args[0]), "8:29"},
		{"table", at(call.Args[1].(*ast.TableExpr)), "8:40"},
		{"local function", fmt.Sprint(c.IsLocalFunction(g)), "true"},
		{"local = function", fmt.Sprint(c.IsLocalFunction(c.Stmts[4].(*ast.LocalAssignStmt))), "false"},
		{"global", fmt.Sprint(c.IsGlobal(call.Args[0].(*ast.AttrGetExpr).Object.(*ast.AttrGetExpr).Object.(*ast.IdentExpr))), "true"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %s, want %s", tc.what, tc.got, tc.want)
		}
	}
	_, err = Parse(src, "=t")
	if se, ok := err.(*SyntaxError); !ok || se.Error() != `t:9: unexpected symbol near '"s"'` || se.Col != 1 {
		t.Errorf("error %v", err)
	}
}
