package nginxconf

import "strings"

// Checks of values that have no place in Config.

// singleRow is a checked directive that may be written once per block.
func singleRow(name string, ctx Context, args argSpec, check func(b *build, n *Node) error) row {
	return checked(name, ctx, args, func(b *build, n *Node) error {
		if err := b.single(n.Name); err != nil {
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

// noSendLowat warns as nginx does where the system has no such thing.
func noSendLowat(name string) func(b *build, n *Node) error {
	return func(b *build, n *Node) error {
		if _, ok := parseSize(n.Args[0]); ok {
			b.warn(`"%s" is not supported, ignored`, name)
		}
		return nil
	}
}

// powerOfTwo checks zlib's sizes, powers of two from 512 to most KiB.
func powerOfTwo(most int64, sizes string) func(b *build, n *Node) error {
	return func(_ *build, n *Node) error {
		v, ok := parseSize(n.Args[0])
		switch {
		case !ok:
			return dirErr("invalid value")
		case v < 512 || v > most<<10 || v&(v-1) != 0:
			return dirErr("must be " + sizes)
		}
		return nil
	}
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

// checkAffinity follows ngx_set_cpu_affinity: masks of 0 and 1.
func checkAffinity(b *build, n *Node) error {
	masks := n.Args
	if masks[0] == "auto" {
		if masks = masks[1:]; len(masks) > 1 {
			return b.emerg(`invalid number of arguments in "worker_cpu_affinity" directive`)
		}
	}
	for _, m := range masks {
		for i := len(m) - 1; i >= 0; i-- {
			if c := m[i]; c != '0' && c != '1' && c != ' ' {
				return b.emerg(`invalid character "%s" in "worker_cpu_affinity"`, m[i:i+1])
			}
		}
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
	if _, ok := b.conf.Main.ThreadPools[n.Args[0]]; ok {
		return b.emerg(`duplicate thread pool "%s"`, n.Args[0])
	}
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
		}
	}
	if !threads {
		return b.emerg(`"%s" must have "threads" parameter`, n.Name)
	}
	if b.conf.Main.ThreadPools == nil {
		b.conf.Main.ThreadPools = map[string]ThreadPool{}
	}
	b.conf.Main.ThreadPools[n.Args[0]] = p
	return nil
}
