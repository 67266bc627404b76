package nginxconf

import "strings"

// hashTable is one of nginx's hash tables, whose keys must fit into buckets
// of a given size: where they do not, nginx refuses the configuration or
// warns, so huidu does too, though its own tables size themselves.
type hashTable struct {
	name       string
	maxSize    int
	bucketSize int
}

// The sizes of nginx's buckets, on a machine of 64 bits.
const (
	wordSize  = 8
	cacheLine = 64
)

func align(n, to int) int { return (n + to - 1) / to * to }

// elementSize is NGX_HASH_ELT_SIZE.
func elementSize(key string) int { return wordSize + align(len(key)+2, wordSize) }

// hashKey is ngx_hash_key_lc.
func hashKey(key string) uint64 {
	var h uint64
	for i := 0; i < len(key); i++ {
		c := key[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		h = h*31 + uint64(c)
	}
	return h
}

// check says what nginx says when it builds the table of these keys: an
// error, a warning, or nothing.
// See: ngx_hash_init.
func (h hashTable) check(keys []string) (warning, failure string) {
	bucketSize := align(h.bucketSize, cacheLine)
	switch {
	case h.maxSize == 0:
		return "", "could not build " + h.name + ", you should increase " + h.name + "_max_size: 0"
	case bucketSize > 65536-cacheLine:
		return "", "could not build " + h.name + ", too large " + h.name + "_bucket_size: " + itoa(bucketSize)
	}
	for _, k := range keys {
		if bucketSize < elementSize(k)+wordSize {
			return "", "could not build " + h.name + ", you should increase " + h.name + "_bucket_size: " + itoa(bucketSize)
		}
	}
	room := bucketSize - wordSize
	start := max(len(keys)/(room/(2*wordSize)), 1)
	if h.maxSize > 10000 && len(keys) > 0 && h.maxSize/len(keys) < 100 {
		start = h.maxSize - 1000
	}
	hashes := make([]uint64, len(keys))
	for i, k := range keys {
		hashes[i] = hashKey(k)
	}
	used := make([]int, max(h.maxSize, start)+1)
	for size := start; size <= h.maxSize; size++ {
		if fits(keys, hashes, used[:size], room) {
			return "", ""
		}
	}
	return "could not build optimal " + h.name + ", you should increase either " + h.name + "_max_size: " + itoa(h.maxSize) +
		" or " + h.name + "_bucket_size: " + itoa(bucketSize) + "; ignoring " + h.name + "_bucket_size", ""
}

// fits reports whether the keys fit a table of len(used) buckets.
func fits(keys []string, hashes []uint64, used []int, room int) bool {
	clear(used)
	for i, k := range keys {
		at := hashes[i] % uint64(len(used))
		if used[at] += elementSize(k); used[at] > room {
			return false
		}
	}
	return true
}

// hashSizes are the hash table sizes written at one level, by directive.
type hashSizes map[string]int

// hashSize is the size of one of nginx's hash tables.
func hashSize(name string, ctx Context) row {
	return singleRow(name, ctx, take1, func(b *build, n *Node) error {
		v, ok := atoi(n.Args[0])
		if !ok {
			return dirErr("invalid number")
		}
		if b.hashSizes[b.cur.loc] == nil {
			b.hashSizes[b.cur.loc] = hashSizes{}
		}
		b.hashSizes[b.cur.loc][n.Name] = v
		return nil
	}).ignored("huidu's tables size themselves")
}

// table is the table of a name with the sizes of the given levels, innermost
// first.
func (b *build) hashTable(name string, maxSize, bucketSize int, levels ...*LocConf) hashTable {
	h := hashTable{name, maxSize, bucketSize}
	find := func(what string, v *int) {
		for _, l := range levels {
			if n, ok := b.hashSizes[l][name+what]; ok {
				*v = n
				return
			}
		}
	}
	find("_max_size", &h.maxSize)
	find("_bucket_size", &h.bucketSize)
	return h
}

// checkHash says what nginx says of the table; it names a place only within
// a directive.
func (b *build) checkHash(h hashTable, keys []string) error {
	warning, failure := h.check(keys)
	if failure != "" {
		return b.emergAt(Pos{}, "%s", failure)
	}
	if warning != "" {
		b.warnAt(Pos{}, "%s", warning)
	}
	return nil
}

// checkNamesHash checks the table of server names of one address.
func (b *build) checkNamesHash(at *boundAddr) error {
	var keys []string
	for _, s := range at.servers {
		for _, name := range s.Names {
			if name.Kind == NameExact || name.Kind == NameDot {
				keys = append(keys, name.Name)
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return b.checkHash(b.hashTable("server_names_hash", 512, cacheLine, b.conf.HTTP.Loc), keys)
}

// checkMapHash checks the table of a map's keys, when the block ends.
func (b *build) checkMapHash(m *Map) error {
	var keys []string
	for _, e := range m.Entries {
		if e.Regex != nil || m.Hostnames && strings.Contains(e.Key, "*") {
			continue
		}
		if m.Hostnames {
			keys = append(keys, strings.TrimPrefix(e.Key, "."))
		} else {
			keys = append(keys, e.Key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return b.checkHash(b.hashTable("map_hash", 2048, cacheLine, b.conf.HTTP.Loc), keys)
}

// checkTypesHash checks the table of types where nginx builds one: for the
// types of http{} (with the sizes of its first server), or those of a server
// where it has none, and for every level with types of its own.
// See: ngx_http_core_merge_loc_conf.
func (b *build) checkTypesHash(parent, child *level) error {
	own := child.loc.Core.Types.Set
	if child.location == nil {
		own = own || !b.conf.HTTP.Loc.Core.Types.Set || child.server == b.conf.HTTP.Servers[0]
	}
	if !own {
		return nil
	}
	types := child.loc.Core.Types.V
	keys := make([]string, 0, len(types))
	for ext := range types {
		keys = append(keys, ext)
	}
	return b.checkHash(b.hashTable("types_hash", 1024, 64, child.loc, parent.loc, b.conf.HTTP.Loc), keys)
}
