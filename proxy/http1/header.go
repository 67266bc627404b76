package http1

// Header is one field line. Key and Value are views into the buffer that the
// head was parsed from.
type Header struct {
	Key   string
	Value string
	ID    HeaderID
	Flags HeaderFlags
}

// HeaderFlags tells what the parser noticed about a field line.
type HeaderFlags uint8

const (
	// HeaderInvalid marks a name with bytes outside letters, digits and
	// "-" (and "_" where underscores are allowed). With
	// ignore_invalid_headers such lines never reach Headers.
	HeaderInvalid HeaderFlags = 1 << iota
	// HeaderUnderscore marks a name with "_".
	HeaderUnderscore
	// HeaderIgnored marks a duplicate of a response field that may stand
	// once; nginx warns and leaves it out.
	HeaderIgnored
)

// Headers is a list of fields in the order of the wire.
type Headers []Header

// Get returns the value of the first field with a known identity.
func (hs Headers) Get(id HeaderID) (string, bool) {
	for i := range hs {
		if hs[i].ID == id {
			return hs[i].Value, true
		}
	}
	return "", false
}

// Value is Get without the report: "" when the field is absent.
func (hs Headers) Value(id HeaderID) string {
	v, _ := hs.Get(id)
	return v
}

// Has tells whether a field with a known identity is there.
func (hs Headers) Has(id HeaderID) bool {
	_, ok := hs.Get(id)
	return ok
}

// GetName returns the value of the first field of that name; case does not
// matter.
func (hs Headers) GetName(name string) (string, bool) {
	if i := hs.Index(name); i >= 0 {
		return hs[i].Value, true
	}
	return "", false
}

// Index returns the place of the first field of that name, or -1.
func (hs Headers) Index(name string) int {
	if id := LookupHeader(name); id != HeaderOther {
		return hs.IndexID(id)
	}
	for i := range hs {
		if hs[i].ID == HeaderOther && EqualFold(hs[i].Key, name) {
			return i
		}
	}
	return -1
}

// IndexID returns the place of the first field with that identity, or -1.
func (hs Headers) IndexID(id HeaderID) int {
	for i := range hs {
		if hs[i].ID == id {
			return i
		}
	}
	return -1
}

// Count returns how many fields of that identity there are.
func (hs Headers) Count(id HeaderID) (n int) {
	for i := range hs {
		if hs[i].ID == id {
			n++
		}
	}
	return n
}

// Values appends the values of all fields of that name to dst.
func (hs Headers) Values(dst []string, name string) []string {
	id := LookupHeader(name)
	for i := range hs {
		if hs[i].is(id, name) {
			dst = append(dst, hs[i].Value)
		}
	}
	return dst
}

func (h *Header) is(id HeaderID, name string) bool {
	if h.ID != id {
		return false
	}
	return id != HeaderOther || EqualFold(h.Key, name)
}

// Add appends a field.
func (hs *Headers) Add(name, value string) {
	*hs = append(*hs, Header{Key: name, Value: value, ID: LookupHeader(name)})
}

// AddID appends a field with a known identity under its usual spelling.
func (hs *Headers) AddID(id HeaderID, value string) {
	*hs = append(*hs, Header{Key: headerNames[id], Value: value, ID: id})
}

// Set gives the first field of that name the value, removes the others, and
// appends the field if there was none. The spelling of the name becomes the
// one given.
func (hs *Headers) Set(name, value string) {
	hs.set(Header{Key: name, Value: value, ID: LookupHeader(name)})
}

// SetID is Set for a field with a known identity.
func (hs *Headers) SetID(id HeaderID, value string) {
	hs.set(Header{Key: headerNames[id], Value: value, ID: id})
}

func (hs *Headers) set(h Header) {
	s := *hs
	for i := range s {
		if s[i].is(h.ID, h.Key) {
			s[i] = h
			s = s[:i+1+s[i+1:].del(h.ID, h.Key)]
			*hs = s
			return
		}
	}
	*hs = append(s, h)
}

// Del removes all fields of that name and tells whether there were any.
func (hs *Headers) Del(name string) bool {
	s := *hs
	n := s.del(LookupHeader(name), name)
	*hs = s[:n]
	return n != len(s)
}

// DelID removes all fields with a known identity.
func (hs *Headers) DelID(id HeaderID) bool {
	s := *hs
	n := s.del(id, "")
	*hs = s[:n]
	return n != len(s)
}

// del moves the fields that stay to the front and returns their number.
func (hs Headers) del(id HeaderID, name string) int {
	n := 0
	for i := range hs {
		if hs[i].is(id, name) {
			continue
		}
		if n != i {
			hs[n] = hs[i]
		}
		n++
	}
	clear(hs[n:])
	return n
}
