package nginxconf

import "strings"

// Checks of values that have no place in Config.

// singleRow is a checked directive that may be written once per block.
func singleRow(name string, ctx Context, args argSpec, check func(b *build, n *Node) error) row {
	return checked(name, ctx, args, func(b *build, n *Node) error {
		key := n.Name
		if n.Parent != nil {
			key += "\x00" + n.Parent.File + ":" + itoa(n.Parent.Line) + ":" + n.Parent.Name
		}
		if err := b.single(key); err != nil {
			return err
		}
		if check == nil {
			return nil
		}
		return check(b, n)
	})
}

func checkFlag(b *build, n *Node) error {
	_, err := b.onOff(n)
	return err
}

func checkMsec(_ *build, n *Node) error {
	if _, ok := parseMsec(n.Args[0]); !ok {
		return dirErr("invalid value")
	}
	return nil
}

func checkSec(_ *build, n *Node) error {
	if _, ok := parseSec(n.Args[0]); !ok {
		return dirErr("invalid value")
	}
	return nil
}

func checkSize(_ *build, n *Node) error {
	if _, ok := parseSize(n.Args[0]); !ok {
		return dirErr("invalid value")
	}
	return nil
}

func checkOffset(_ *build, n *Node) error {
	if _, ok := parseOffset(n.Args[0]); !ok {
		return dirErr("invalid value")
	}
	return nil
}

func checkNum(_ *build, n *Node) error {
	if _, ok := atoi(n.Args[0]); !ok {
		return dirErr("invalid number")
	}
	return nil
}

func checkPriority(b *build, n *Node) error {
	s := strings.TrimLeft(n.Args[0], "+-")
	if _, ok := atoi(s); !ok || len(n.Args[0])-len(s) > 1 {
		return dirErr("invalid number")
	}
	return nil
}

func (b *build) oneOfWords(n *Node, words ...string) error {
	if oneOf(n.Args[0], words) == "" {
		return b.emerg(`invalid value "%s"`, n.Args[0])
	}
	return nil
}

func checkThreadPool(b *build, n *Node) error {
	threads := false
	p := ThreadPool{MaxQueue: 65536}
	for _, a := range n.Args[1:] {
		key, val, _ := strings.Cut(a, "=")
		v, ok := atoi(val)
		switch {
		case key == "threads":
			if !ok || v == 0 {
				return b.emerg(`invalid threads value "%s"`, a)
			}
			threads, p.Threads = true, v
		case key == "max_queue":
			if !ok {
				return b.emerg(`invalid max_queue value "%s"`, a)
			}
			p.MaxQueue = v
		default:
			return b.emerg(`invalid parameter "%s"`, a)
		}
	}
	if !threads {
		return b.emerg(`"%s" must have "threads" parameter`, n.Args[0])
	}
	if b.conf.Main.ThreadPools == nil {
		b.conf.Main.ThreadPools = map[string]ThreadPool{}
	}
	b.conf.Main.ThreadPools[n.Args[0]] = p
	return nil
}
