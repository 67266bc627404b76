package release

import (
	"fmt"

	"huidu/luacompat/expr"
)

// dictKey is a key as shared dicts take it; msg says why it will not do.
func dictKey(v expr.Value) (key, msg string) {
	if v.K == expr.Nil {
		return "", "nil key"
	}
	key = v.ToString()
	switch {
	case key == "":
		return "", "empty key"
	case len(key) > 65535:
		return "", "key too long"
	}
	return key, ""
}

// makeDictGet is dict_get $value DICT KEY.
func makeDictGet(c *compiler, args []string) (step, error) {
	at, err := c.slot(args[0])
	if err != nil {
		return nil, err
	}
	d := c.dict(args[1])
	if d == nil {
		return nil, fmt.Errorf("there is no lua_shared_dict %q", args[1])
	}
	k, err := c.word(args[2])
	if err != nil {
		return nil, err
	}
	errAt := c.errSlot(args[0])
	return func(r *run) flow {
		key, msg := dictKey(k.val(&r.Frame))
		var v expr.Value
		if msg == "" {
			got, err := d.Fetch(key)
			if v = got; err != nil {
				msg = err.Error()
			}
		}
		r.Slots[at], r.Slots[errAt] = v, errText(msg)
		return next
	}, nil
}

// makeDictSet is dict_set $ok DICT KEY VALUE [SECONDS].
func makeDictSet(c *compiler, args []string) (step, error) {
	at, err := c.slot(args[0])
	if err != nil {
		return nil, err
	}
	d := c.dict(args[1])
	if d == nil {
		return nil, fmt.Errorf("there is no lua_shared_dict %q", args[1])
	}
	ws, err := c.words(args[2:])
	if err != nil {
		return nil, err
	}
	errAt := c.errSlot(args[0])
	return func(r *run) flow {
		key, msg := dictKey(ws[0].val(&r.Frame))
		v, ttl := ws[1].val(&r.Frame), 0.0
		if len(ws) > 2 {
			ttl = expr.Number64(ws[2].val(&r.Frame))
		}
		ok := expr.Value{}
		switch {
		case msg != "":
		case v.K == expr.List || v.K == expr.Null:
			msg = "bad value type"
		default:
			ok = expr.Bool(true)
			if err := d.Put(key, v, ttl); err != nil {
				ok, msg = expr.Bool(false), err.Error()
			}
		}
		r.Slots[at], r.Slots[errAt] = ok, errText(msg)
		return next
	}, nil
}

func errText(msg string) expr.Value {
	if msg == "" {
		return expr.Value{}
	}
	return expr.Text(msg)
}
