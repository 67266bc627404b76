package luacompat

// slab accounts for the memory of a shared dict as nginx's slab allocator
// does, without holding any: which items fit, what free_space answers and
// when old items are evicted follow from it. Size classes are the powers of
// two from 8 to 2048 bytes, each carved from whole pages; what is larger
// takes pages of its own. Pages are counted, not placed, so that a zone here
// does not fragment.
type slab struct {
	free    int // free pages
	classes [slabClasses]slabClass
}

const (
	slabPageSize  = 4096
	slabMinShift  = 3
	slabClasses   = 9 // 8 … 2048
	slabPoolSize  = 200
	slabPageEntry = 24
	slabStatEntry = 32
)

// slabClass is one size class: its pages that still have room.
type slabClass struct{ partial []*slabPage }

// slabPage is a page carved into slots of one class.
type slabPage struct {
	used int
	slot int // index in slabClass.partial, -1 when full
}

// slabRef is an allocation: a slot of a page, or whole pages.
type slabRef struct {
	page  *slabPage
	class int8
	pages int32
}

// init lays out a zone of size bytes as ngx_slab_init does.
func (s *slab) init(size int64) {
	head := int64(slabPoolSize + slabClasses*(slabPageEntry+slabStatEntry))
	pages := (size - head) / (slabPageSize + slabPageEntry)
	if pages < 0 {
		pages = 0
	}
	start := (head + pages*slabPageEntry + slabPageSize - 1) / slabPageSize * slabPageSize
	if room := (size - start) / slabPageSize; room < pages {
		pages = max(room, 0)
	}
	s.free = int(pages)
}

// slotsPerPage is how many items of a class a page holds; small classes lose
// slots to the page's own bitmap.
func slotsPerPage(class int) int {
	shift := class + slabMinShift
	n := slabPageSize >> shift
	if size := 1 << shift; size < 64 {
		n -= max((n+size*8-1)/(size*8), 1)
	}
	return n
}

// alloc reserves n bytes; ok is false when the zone is full.
func (s *slab) alloc(n int) (ref slabRef, ok bool) {
	if n > slabPageSize/2 {
		pages := (n + slabPageSize - 1) / slabPageSize
		if pages > s.free {
			return slabRef{}, false
		}
		s.free -= pages
		return slabRef{pages: int32(pages)}, true
	}
	class := 0
	for 1<<(class+slabMinShift) < n {
		class++
	}
	c := &s.classes[class]
	if len(c.partial) == 0 {
		if s.free == 0 {
			return slabRef{}, false
		}
		s.free--
		c.partial = append(c.partial, &slabPage{})
	}
	p := c.partial[len(c.partial)-1]
	p.used++
	if p.used == slotsPerPage(class) {
		c.partial = c.partial[:len(c.partial)-1]
		p.slot = -1
	} else {
		p.slot = len(c.partial) - 1
	}
	return slabRef{page: p, class: int8(class)}, true
}

// release gives an allocation back.
func (s *slab) release(ref slabRef) {
	p := ref.page
	if p == nil {
		s.free += int(ref.pages)
		return
	}
	c := &s.classes[ref.class]
	if p.slot < 0 {
		p.slot = len(c.partial)
		c.partial = append(c.partial, p)
	}
	p.used--
	if p.used > 0 {
		return
	}
	last := len(c.partial) - 1
	moved := c.partial[last]
	c.partial[p.slot] = moved
	moved.slot = p.slot
	c.partial[last] = nil
	c.partial = c.partial[:last]
	s.free++
}
