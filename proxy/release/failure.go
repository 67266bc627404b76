package release

import (
	"fmt"

	"huidu/luacompat"
	"huidu/luacompat/expr"
)

// policy is on_store_failure: what holds when a store does not answer.
type policy struct {
	target string
}

// makePolicy is on_store_failure stable TARGET.
func makePolicy(c *compiler, args []string) (step, error) {
	if c.rule.policy != nil {
		return nil, fmt.Errorf(`"on_store_failure" is there twice`)
	}
	if args[0] != "stable" || len(args) != 2 {
		return nil, fmt.Errorf(`"on_store_failure" takes: stable TARGET`)
	}
	c.rule.policy = &policy{target: args[1]}
	return nil, nil
}

func (p *policy) check(*compiler) error { return nil }

// apply ends the run as the policy says.
func (p *policy) apply(r *run) {
	out, err := luacompat.ExecOutcome(r.req, p.target, "")
	if err != nil {
		expr.Raise("%s", err.Error())
	}
	r.out = out
}
