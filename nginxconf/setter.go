package nginxconf

import (
	"strings"
	"time"
)

// The constructors of rows. Each takes the place of the value and, where
// nginx has one, the default that the http level takes; inheritance follows.

// newRow fills what all constructors share.
func newRow[T any](name string, ctx Context, args argSpec, f field[T], def []T,
	set func(b *build, n *Node, o *Opt[T]) error) row {
	r := row{name: name, ctx: ctx, args: args, section: f.section}
	r.set = func(b *build, n *Node) error {
		o := f.at(&b.cur)
		if o.Set {
			return errDuplicate
		}
		if err := set(b, n, o); err != nil {
			return err
		}
		o.Set, o.Pos = true, n.Pos()
		return nil
	}
	return inherited(r, f, def)
}

// inherited adds inheritance and the default to a row.
func inherited[T any](r row, f field[T], def []T) row {
	r.section = f.section
	if f.section != secNone {
		r.inherit = func(parent, child *level) {
			c := f.at(child)
			if !c.Set {
				p := f.at(parent)
				c.V, c.Pos = p.V, p.Pos
			}
		}
	}
	if len(def) > 0 {
		r.defaults = func(l *level) {
			if o := f.at(l); !o.Set {
				o.V = def[0]
			}
		}
	}
	return r
}

// listRow is a directive that may be written many times at a level and adds
// to a list each time; a level that writes none takes the list above.
func listRow[T any](name string, ctx Context, args argSpec, f field[[]T], add func(b *build, n *Node, o *Opt[[]T]) error) row {
	r := row{name: name, ctx: ctx, args: args}
	r.set = func(b *build, n *Node) error {
		o := f.at(&b.cur)
		if err := add(b, n, o); err != nil {
			return err
		}
		if !o.Set {
			o.Set, o.Pos = true, n.Pos()
		}
		return nil
	}
	return inherited(r, f, nil)
}

// custom is a directive whose setter does everything.
func custom(name string, ctx Context, args argSpec, set func(b *build, n *Node) error) row {
	return row{name: name, ctx: ctx, args: args, set: set}
}

// blockOf marks a custom row as a block directive.
func blockOf(name string, ctx Context, args argSpec, set func(b *build, n *Node) error) row {
	return row{name: name, ctx: ctx, args: args, block: true, set: set}
}

// checked is a directive whose value has no place in Config: it is checked
// and forgotten.
func checked(name string, ctx Context, args argSpec, check func(b *build, n *Node) error) row {
	return row{name: name, ctx: ctx, args: args, set: func(b *build, n *Node) error {
		if check == nil {
			return nil
		}
		return check(b, n)
	}}
}

// onOff reads a flag as ngx_conf_set_flag_slot does.
func (b *build) onOff(n *Node) (bool, error) {
	switch {
	case strings.EqualFold(n.Args[0], "on"):
		return true, nil
	case strings.EqualFold(n.Args[0], "off"):
		return false, nil
	}
	return false, b.emerg(`invalid value "%s" in "%s" directive, it must be "on" or "off"`, n.Args[0], n.Name)
}

func flag(name string, ctx Context, f field[bool], def bool) row {
	return newRow(name, ctx, flagArg, f, []bool{def}, func(b *build, n *Node, o *Opt[bool]) (err error) {
		o.V, err = b.onOff(n)
		return err
	})
}

func str(name string, ctx Context, f field[string], def ...string) row {
	return newRow(name, ctx, take1, f, def, func(b *build, n *Node, o *Opt[string]) error {
		o.V = n.Args[0]
		return nil
	})
}

func num(name string, ctx Context, f field[int], def ...int) row {
	return newRow(name, ctx, take1, f, def, func(b *build, n *Node, o *Opt[int]) error {
		v, ok := atoi(n.Args[0])
		if !ok {
			return dirErr("invalid number")
		}
		o.V = v
		return nil
	})
}

func size(name string, ctx Context, f field[int64], def ...int64) row {
	return newRow(name, ctx, take1, f, def, func(b *build, n *Node, o *Opt[int64]) error {
		v, ok := parseSize(n.Args[0])
		if !ok {
			return dirErr("invalid value")
		}
		o.V = v
		return nil
	})
}

// offset is size with "g" allowed too.
func offset(name string, ctx Context, f field[int64], def ...int64) row {
	return newRow(name, ctx, take1, f, def, func(b *build, n *Node, o *Opt[int64]) error {
		v, ok := parseOffset(n.Args[0])
		if !ok {
			return dirErr("invalid value")
		}
		o.V = v
		return nil
	})
}

func msec(name string, ctx Context, f field[time.Duration], def ...time.Duration) row {
	return newRow(name, ctx, take1, f, def, func(b *build, n *Node, o *Opt[time.Duration]) error {
		v, ok := parseMsec(n.Args[0])
		if !ok {
			return dirErr("invalid value")
		}
		o.V = v
		return nil
	})
}

// sec is a time in whole seconds.
func sec(name string, ctx Context, f field[time.Duration], def ...time.Duration) row {
	return newRow(name, ctx, take1, f, def, func(b *build, n *Node, o *Opt[time.Duration]) error {
		v, ok := parseSec(n.Args[0])
		if !ok {
			return dirErr("invalid value")
		}
		o.V = v
		return nil
	})
}

// bufs is "number size".
func bufs(name string, ctx Context, f field[SizeCount], def ...SizeCount) row {
	return newRow(name, ctx, take2, f, def, func(b *build, n *Node, o *Opt[SizeCount]) error {
		num, ok := atoi(n.Args[0])
		size, ok2 := parseSize(n.Args[1])
		if !ok || !ok2 || num == 0 || size == 0 {
			return dirErr("invalid value")
		}
		o.V = SizeCount{num, size}
		return nil
	})
}

// enum is one word of a list.
func enum(name string, ctx Context, f field[string], def string, words ...string) row {
	return newRow(name, ctx, take1, f, []string{def}, func(b *build, n *Node, o *Opt[string]) error {
		for _, w := range words {
			if strings.EqualFold(w, n.Args[0]) {
				o.V = w
				return nil
			}
		}
		return b.emerg(`invalid value "%s"`, n.Args[0])
	})
}

// bitmask is several words of a list, kept as written.
func bitmask(name string, ctx Context, f field[[]string], def []string, words ...string) row {
	r := row{name: name, ctx: ctx, args: oneMore}
	r.set = func(b *build, n *Node) error {
		o := f.at(&b.cur)
		for _, a := range n.Args {
			w := oneOf(a, words)
			if w == "" {
				return b.emerg(`invalid value "%s"`, a)
			}
			if contains(o.V, w) && o.Set {
				b.warn(`duplicate value "%s"`, a)
				continue
			}
			if !o.Set {
				o.Set, o.Pos, o.V = true, n.Pos(), nil
			}
			o.V = append(o.V, w)
		}
		return nil
	}
	return inherited(r, f, [][]string{def})
}

// again lets a directive be written a second time at a level: forget makes
// it as if it had not been.
func again(r row, forget func(l *level)) row {
	return r.checkedBy(func(b *build, _ *Node) error {
		forget(&b.cur)
		return nil
	})
}

func oneOf(s string, words []string) string {
	for _, w := range words {
		if strings.EqualFold(w, s) {
			return w
		}
	}
	return ""
}

func contains(list []string, s string) bool {
	for _, w := range list {
		if w == s {
			return true
		}
	}
	return false
}

// strings_ is a list that may be written many times, all arguments added.
func strs(name string, ctx Context, args argSpec, f field[[]string]) row {
	return listRow(name, ctx, args, f, func(b *build, n *Node, o *Opt[[]string]) error {
		o.V = append(o.V, n.Args...)
		return nil
	})
}

// keyvals is "key value", many times.
func keyvals(name string, ctx Context, f field[[][2]string]) row {
	return listRow(name, ctx, take2, f, func(b *build, n *Node, o *Opt[[][2]string]) error {
		o.V = append(o.V, [2]string{n.Args[0], n.Args[1]})
		return nil
	})
}

// value is text with variables.
func value(name string, ctx Context, f field[Value], def ...Value) row {
	return newRow(name, ctx, take1, f, def, func(b *build, n *Node, o *Opt[Value]) (err error) {
		o.V, err = b.value(n.Args[0])
		return err
	})
}

// valuePtr is text with variables where nil means "not there".
func valuePtr(name string, ctx Context, f field[*Value]) row {
	return newRow(name, ctx, take1, f, nil, func(b *build, n *Node, o *Opt[*Value]) error {
		v, err := b.value(n.Args[0])
		o.V = &v
		return err
	})
}

// valueOrOff is valuePtr where "off" is nil.
func valueOrOff(name string, ctx Context, f field[*Value]) row {
	return newRow(name, ctx, take1, f, nil, func(b *build, n *Node, o *Opt[*Value]) error {
		if n.Args[0] == "off" {
			return nil
		}
		v, err := b.value(n.Args[0])
		o.V = &v
		return err
	})
}

// types is a list of MIME types, "*" among them, each once. A level that
// writes one has the first default besides.
// See: ngx_http_types_slot.
func types(name string, ctx Context, f field[[]string], def ...string) row {
	return inherited(row{name: name, ctx: ctx, args: oneMore, set: func(b *build, n *Node) error {
		o := f.at(&b.cur)
		if !o.Set {
			o.Set, o.Pos, o.V = true, n.Pos(), []string{def[0]}
		}
		for _, a := range n.Args {
			a = strings.ToLower(a)
			if contains(o.V, a) {
				b.warn(`duplicate MIME type "%s"`, a)
				continue
			}
			o.V = append(o.V, a)
		}
		return nil
	}}, f, [][]string{def})
}
