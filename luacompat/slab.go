package luacompat

import (
	"encoding/binary"
	"runtime"
)

// slab is the memory of a shared dict, given out as nginx's slab allocator
// does: which items fit, what free_space answers and when old items are
// evicted follow from it. Size classes are the powers of two from 8 to 2048
// bytes, each carved from whole pages; what is larger takes pages of its own.
// These are linked, not adjacent, so that a zone does not fragment.
//
// The memory lies outside of the Go heap: a dict of a million keys costs the
// garbage collector nothing, and takes no more than its size.
type slab struct {
	mem     []byte
	pages   []slabPage
	free    int    // free pages
	first   uint32 // of those that were used before; index+1
	fresh   int    // pages from here on were never used
	partial [slabClasses][]uint32
}

const (
	slabPageSize  = 4096
	slabPageShift = 12
	slabMinShift  = 3
	slabClasses   = 9 // 8 … 2048
	slabLarge     = -1
	slabPoolSize  = 200
	slabPageEntry = 24
	slabStatEntry = 32
)

// slabPage is a page: carved into slots of one class, one of a chain of pages,
// or free.
type slabPage struct {
	next   uint32 // in the chain, or of the free pages; index+1
	at     int32  // index in slab.partial, -1 when full
	used   uint16 // slots
	carved uint16 // slots that were ever used
	slot   uint16 // the first free one of those; number+1
	class  int8
}

// slabRef names an allocation: its place in units of eight bytes, plus one. 0
// is none.
type slabRef uint32

func refAt(offset int) slabRef      { return slabRef(offset>>slabMinShift) + 1 }
func (r slabRef) offset() int       { return int(r-1) << slabMinShift }
func (r slabRef) page() int         { return int(r-1) >> (slabPageShift - slabMinShift) }
func le32(b []byte) uint32          { return binary.LittleEndian.Uint32(b) }
func putLE32(b []byte, v uint32)    { binary.LittleEndian.PutUint32(b, v) }
func slotOffset(page, i, c int) int { return page<<slabPageShift + i<<(c+slabMinShift) }

// init lays out a zone of size bytes as ngx_slab_init does. owner is what the
// memory lives as long as.
func (s *slab) init(size int64, owner *Dict) {
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
	s.pages = make([]slabPage, pages)
	s.mem = dictMemory(int(pages)*slabPageSize, owner)
}

// dictMemory is n bytes that live as long as owner.
func dictMemory(n int, owner *Dict) []byte {
	if n >= 1<<18 {
		if mem := mapMemory(n); mem != nil {
			runtime.AddCleanup(owner, unmapMemory, mem)
			return mem
		}
	}
	return make([]byte, n)
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

// takePage takes a free page; there is one.
func (s *slab) takePage(class int8) int {
	i := s.fresh
	if s.first != 0 {
		i = int(s.first - 1)
		s.first = s.pages[i].next
	} else {
		s.fresh++
	}
	s.free--
	s.pages[i] = slabPage{class: class}
	return i
}

func (s *slab) freePage(i int) {
	s.pages[i] = slabPage{next: s.first}
	s.first = uint32(i) + 1
	s.free++
}

// alloc reserves n bytes; ok is false when the zone is full.
func (s *slab) alloc(n int) (ref slabRef, ok bool) {
	if n > slabPageSize/2 {
		return s.allocPages((n + slabPageSize - 1) / slabPageSize)
	}
	class := 0
	for 1<<(class+slabMinShift) < n {
		class++
	}
	part := s.partial[class]
	if len(part) == 0 {
		if s.free == 0 {
			return 0, false
		}
		part = append(part, uint32(s.takePage(int8(class))))
	}
	i := int(part[len(part)-1])
	p := &s.pages[i]
	slot := int(p.carved)
	if p.slot != 0 {
		slot = int(p.slot - 1)
		p.slot = binary.LittleEndian.Uint16(s.mem[slotOffset(i, slot, class):])
	} else {
		p.carved++
	}
	p.used++
	if p.at = int32(len(part) - 1); int(p.used) == slotsPerPage(class) {
		part, p.at = part[:len(part)-1], -1
	}
	s.partial[class] = part
	return refAt(slotOffset(i, slot, class)), true
}

func (s *slab) allocPages(n int) (slabRef, bool) {
	if n > s.free {
		return 0, false
	}
	var next uint32
	for range n {
		i := s.takePage(slabLarge)
		s.pages[i].next = next
		next = uint32(i) + 1
	}
	return refAt(int(next-1) << slabPageShift), true
}

// release gives an allocation back.
func (s *slab) release(ref slabRef) {
	i := ref.page()
	p := &s.pages[i]
	if p.class == slabLarge {
		for next := uint32(i) + 1; next != 0; {
			i = int(next - 1)
			next = s.pages[i].next
			s.freePage(i)
		}
		return
	}
	class := int(p.class)
	part := s.partial[class]
	if p.at < 0 {
		p.at = int32(len(part))
		part = append(part, uint32(i))
	}
	off := ref.offset()
	binary.LittleEndian.PutUint16(s.mem[off:], p.slot)
	p.slot = uint16((off&(slabPageSize-1))>>(class+slabMinShift)) + 1
	p.used--
	if p.used == 0 {
		last := len(part) - 1
		part[p.at] = part[last]
		s.pages[part[p.at]].at = p.at
		part = part[:last]
		s.freePage(i)
	}
	s.partial[class] = part
}

// head is the first piece of an allocation: all of a slot, or its first page.
func (s *slab) head(ref slabRef) []byte {
	off := ref.offset()
	if c := s.pages[off>>slabPageShift].class; c >= 0 {
		return s.mem[off : off+1<<(c+slabMinShift)]
	}
	return s.mem[off : off+slabPageSize]
}

// each calls f with the pieces of n bytes from a place in an allocation.
func (s *slab) each(ref slabRef, from, n int, f func(piece []byte)) {
	page := ref.page()
	b := s.head(ref)
	for from >= len(b) {
		from -= len(b)
		page = int(s.pages[page].next - 1)
		b = s.mem[page<<slabPageShift : (page+1)<<slabPageShift]
	}
	for b = b[from:]; ; {
		piece := b[:min(n, len(b))]
		f(piece)
		if n -= len(piece); n == 0 {
			return
		}
		page = int(s.pages[page].next - 1)
		b = s.mem[page<<slabPageShift : (page+1)<<slabPageShift]
	}
}

// text is a copy of n bytes from a place in an allocation.
func (s *slab) text(ref slabRef, from, n int) string {
	if b := s.head(ref); from+n <= len(b) {
		return string(b[from : from+n])
	}
	out := make([]byte, 0, n)
	s.each(ref, from, n, func(p []byte) { out = append(out, p...) })
	return string(out)
}

// put writes text to a place in an allocation.
func (s *slab) put(ref slabRef, from int, text string) {
	if b := s.head(ref); from+len(text) <= len(b) {
		copy(b[from:], text)
		return
	}
	s.each(ref, from, len(text), func(p []byte) { text = text[copy(p, text):] })
}

// equal tells whether the bytes at a place in an allocation are text.
func (s *slab) equal(ref slabRef, from int, text string) bool {
	if b := s.head(ref); from+len(text) <= len(b) {
		return string(b[from:from+len(text)]) == text
	}
	same := true
	s.each(ref, from, len(text), func(p []byte) {
		same = same && string(p) == text[:len(p)]
		text = text[len(p):]
	})
	return same
}
