package nginxconf

import "strings"

// shadowKey is where the values of a module that is not built in are kept:
// the level they were written at, and the module.
type shadowKey struct {
	loc    *LocConf
	prefix string
}

// likeProxy gives rows of a module without a handler here (fastcgi_*,
// uwsgi_*, …) the checks of the proxy_* directive of the same meaning, and
// those of extra where there is none. What is written goes to a shadow of the
// level, so that a second one is a duplicate.
func likeProxy(prefix string, rows []row, extra map[string]func(b *build, n *Node) error) []row {
	for i := range rows {
		r := &rows[i]
		name := strings.TrimPrefix(r.name, prefix)
		if check := extra[name]; check != nil {
			r.set = check
			continue
		}
		if name == "cache" || name == "cache_path" { // they name zones, which are of their own module
			continue
		}
		r.set = func(b *build, n *Node) error {
			for _, like := range table().byName["proxy_"+name] {
				if like.ctx&b.ctx != 0 {
					return b.inShadow(prefix, func() error { return like.set(b, n) })
				}
			}
			if r.args == flagArg {
				return singleCheck(b, n, checkFlag)
			}
			return nil
		}
	}
	return rows
}

// inShadow runs set at the shadow of the current level.
func (b *build) inShadow(prefix string, set func() error) error {
	key := shadowKey{b.cur.loc, prefix}
	if b.shadows[key] == nil {
		b.shadows[key] = &LocConf{}
	}
	saved := b.cur.loc
	b.cur.loc = b.shadows[key]
	defer func() { b.cur.loc = saved }()
	return set()
}

// singleCheck is the check of a directive that may be written once per level.
func singleCheck(b *build, n *Node, check func(b *build, n *Node) error) error {
	if err := b.single(n.Name); err != nil {
		return err
	}
	if check == nil {
		return nil
	}
	return check(b, n)
}

// once makes a check of one that may be written once per level.
func once(check func(b *build, n *Node) error) func(b *build, n *Node) error {
	return func(b *build, n *Node) error { return singleCheck(b, n, check) }
}

// checkParam follows the third argument of fastcgi_param and its like.
func checkParam(b *build, n *Node) error {
	if len(n.Args) == 3 && n.Args[2] != "if_not_empty" {
		return b.emerg(`invalid parameter "%s"`, n.Args[2])
	}
	_, err := b.value(n.Args[1])
	return err
}

// checkByte is a number that fits a byte.
func checkByte(b *build, n *Node) error {
	v, ok := atoi(n.Args[0])
	switch {
	case !ok:
		return dirErr("invalid number")
	case v > 255:
		return b.emerg("value must be between 0 and 255")
	}
	return nil
}

// checkValue is text with variables.
func checkValue(b *build, n *Node) error {
	_, err := b.values(n.Args)
	return err
}
