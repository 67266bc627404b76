package release

import (
	"fmt"
	"strconv"

	"huidu/luacompat"
	"huidu/luacompat/expr"
)

// The steps that end a request.

// makeGo is go URI [ARGS]: an internal redirect, or to a named location.
func makeGo(c *compiler, args []string) (step, error) {
	ws, err := c.words(args)
	if err != nil {
		return nil, err
	}
	return func(r *run) flow {
		more := ""
		if len(ws) > 1 {
			more = expr.Join(ws[1].val(&r.Frame))
		}
		out, err := luacompat.ExecOutcome(r.req, expr.Join(ws[0].val(&r.Frame)), more)
		if err != nil {
			expr.Raise("%s", err.Error())
		}
		r.out = out
		return ended
	}, nil
}

// makeExit is exit STATUS.
func makeExit(c *compiler, args []string) (step, error) {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return nil, fmt.Errorf("invalid status %q", args[0])
	}
	return func(r *run) flow {
		r.out = luacompat.ExitOutcome(r.req, n)
		return ended
	}, nil
}

// makeRedirect is redirect URI [STATUS].
func makeRedirect(c *compiler, args []string) (step, error) {
	status := 302
	if len(args) == 2 {
		n, err := strconv.Atoi(args[1])
		if err != nil || n != 301 && n != 302 && n != 303 && n != 307 && n != 308 {
			return nil, fmt.Errorf("invalid status %q of a redirect", args[1])
		}
		status = n
	}
	w, err := c.word(args[0])
	if err != nil {
		return nil, err
	}
	return func(r *run) flow {
		out, err := luacompat.RedirectOutcome(r.req, expr.Join(w.val(&r.Frame)), status)
		if err != nil {
			expr.Raise("%s", err.Error())
		}
		r.out = out
		return ended
	}, nil
}

// makeDone is done: the rule ends as a script that returns.
func makeDone(*compiler, []string) (step, error) {
	return func(*run) flow { return done }, nil
}

// makeValue is value EXPR: what release_set's variable becomes.
func makeValue(c *compiler, args []string) (step, error) {
	f, err := c.expr(args[0])
	if err != nil {
		return nil, err
	}
	return func(r *run) flow {
		switch v := f(&r.Frame); v.K {
		case expr.String, expr.Number:
			r.out.Value = v.ToString()
		}
		return done
	}, nil
}

// makeFault is fault TEXT: the end that an error in a script is.
func makeFault(_ *compiler, args []string) (step, error) {
	return func(*run) flow {
		expr.Raise("%s", args[0])
		return ended
	}, nil
}
