package proxy

import (
	"sort"
	"strings"

	"huidu/luacompat/pcre"
)

// locTree finds the location for a URI: exact and prefix locations in a
// compressed trie (cost grows with the URI, not with the number of
// locations), regular expressions in the order written.
type locTree struct {
	root  *trieNode
	regex []regexLoc
	named map[string]*location
}

type regexLoc struct {
	re    *pcre.Regex
	loc   *location
	names []namedCapture
}

// trieNode is one edge of the trie. exact and prefix are what "= text" and
// "text" (or "^~ text") at this very node are.
type trieNode struct {
	label  string
	exact  *location
	prefix *location
	index  []byte // first bytes of kids, sorted
	kids   []*trieNode
}

func (n *trieNode) insert(text string) *trieNode {
	for text != "" {
		i := sort.Search(len(n.index), func(i int) bool { return n.index[i] >= text[0] })
		if i == len(n.index) || n.index[i] != text[0] {
			kid := &trieNode{label: text}
			n.index = append(n.index, 0)
			copy(n.index[i+1:], n.index[i:])
			n.index[i] = text[0]
			n.kids = append(n.kids, nil)
			copy(n.kids[i+1:], n.kids[i:])
			n.kids[i] = kid
			return kid
		}
		kid := n.kids[i]
		common := commonPrefix(kid.label, text)
		if common < len(kid.label) {
			split := &trieNode{label: kid.label[:common], index: []byte{kid.label[common]}, kids: []*trieNode{kid}}
			kid.label = kid.label[common:]
			n.kids[i] = split
			kid = split
		}
		n, text = kid, text[common:]
	}
	return n
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// lookup returns the exact location for uri if there is one, the longest
// prefix location, and the location that wants "uri/" when uri lacks just the
// slash (nginx's auto_redirect of proxied locations).
func (n *trieNode) lookup(uri string) (exact, prefix, slash *location) {
	for {
		if n.prefix != nil {
			prefix = n.prefix
		}
		if uri == "" {
			if kid := n.kid('/'); kid != nil && kid.label == "/" {
				slash = kid.wantsSlash()
			}
			return n.exact, prefix, slash
		}
		kid := n.kid(uri[0])
		if kid == nil {
			return nil, prefix, nil
		}
		if !strings.HasPrefix(uri, kid.label) {
			if len(kid.label) == len(uri)+1 && kid.label[len(uri)] == '/' && kid.label[:len(uri)] == uri {
				slash = kid.wantsSlash()
			}
			return nil, prefix, slash
		}
		n, uri = kid, uri[len(kid.label):]
	}
}

func (n *trieNode) wantsSlash() *location {
	if n.exact != nil {
		if n.exact.autoRedirect {
			return n.exact
		}
		return nil
	}
	if n.prefix != nil && n.prefix.autoRedirect {
		return n.prefix
	}
	return nil
}

// kid returns the child whose label starts with c.
func (n *trieNode) kid(c byte) *trieNode {
	if len(n.index) <= 8 {
		for i, b := range n.index {
			if b == c {
				return n.kids[i]
			}
		}
		return nil
	}
	lo, hi := 0, len(n.index)
	for lo < hi {
		mid := (lo + hi) / 2
		if n.index[mid] < c {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(n.index) && n.index[lo] == c {
		return n.kids[lo]
	}
	return nil
}

// find returns the location for uri, or the one that redirects to "uri/".
// final says that no enclosing level may try its regular expressions: an
// exact or a regex location was found.
//
// See: ngx_http_core_find_location.
func (t *locTree) find(r *Request, uri string) (loc *location, final bool, slash *location) {
	noRegex := false
	if t.root != nil {
		exact, prefix, slash := t.root.lookup(uri)
		if exact != nil {
			return exact, true, nil
		}
		if slash != nil {
			return nil, true, slash
		}
		if prefix != nil {
			loc, noRegex = prefix, prefix.noRegex
			if prefix.kids != nil {
				inner, fin, slash := prefix.kids.find(r, uri)
				if slash != nil {
					return nil, true, slash
				}
				if inner != nil {
					loc = inner
				}
				if fin {
					return loc, true, nil
				}
			}
		}
	}
	if noRegex {
		return loc, false, nil
	}
	for i := range t.regex {
		rx := &t.regex[i]
		if !r.matchNamed(rx.re, rx.names, uri) {
			continue
		}
		if rx.loc.kids != nil {
			if inner, _, slash := rx.loc.kids.find(r, uri); slash != nil || inner != nil {
				return inner, true, slash
			}
		}
		return rx.loc, true, nil
	}
	return loc, false, nil
}
