package repair

import (
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// sourcePc is the place of the chunk name among a prototype's notes.
const sourcePc = -1

// Note is what the source says about one instruction.
type Note struct {
	kind byte
	tail bool
	text string
}

// NoteAt finds the note of the instruction at pc. The zero Note is returned for
// prototypes that other compilers made.
func NoteAt(p *lua.FunctionProto, pc int) Note {
	if !Compiled(p) {
		return Note{}
	}
	calls := p.DbgCalls[1:]
	i := sort.Search(len(calls), func(i int) bool { return calls[i].Pc >= pc })
	if i == len(calls) || calls[i].Pc != pc {
		return Note{}
	}
	s := calls[i].Name
	n := Note{}
	if s != "" && s[0] == 't' {
		n.tail, s = true, s[1:]
	}
	if s != "" {
		n.kind, n.text = s[0], s[1:]
	}
	return n
}

// Compiled tells whether Compile made the prototype.
func Compiled(p *lua.FunctionProto) bool {
	return len(p.DbgCalls) > 0 && p.DbgCalls[0].Pc == sourcePc
}

// Source is the chunk name of a main chunk's prototype as it was given.
func Source(p *lua.FunctionProto) string {
	if !Compiled(p) || p.DbgCalls[0].Name == "" {
		return "=" + p.SourceName
	}
	return p.DbgCalls[0].Name
}

var kindNames = map[byte]string{'l': "local", 'u': "upvalue", 'g': "global", 'f': "field", 'm': "method"}

// split turns an operand's description into LuaJIT's kind and name.
func split(desc string) (kind, name string) {
	if desc == "" {
		return "", ""
	}
	return kindNames[desc[0]], desc[1:]
}

// Tail tells whether the instruction is a tail call.
func (n Note) Tail() bool { return n.tail }

// Callee is how the called function is named: "global", "f". Both are empty
// when it has no name.
func (n Note) Callee() (kind, name string) {
	switch n.kind {
	case 'c':
		return split(n.text)
	case 'm':
		m, _, _ := strings.Cut(n.text, "\x00")
		return "method", m
	}
	return "", ""
}

// Indexed names the object of an index or of a method call.
func (n Note) Indexed() (kind, name string) {
	switch n.kind {
	case 'i', 'd', 's':
		return split(n.text)
	case 'm':
		_, obj, _ := strings.Cut(n.text, "\x00")
		return split(obj)
	}
	return "", ""
}

// Operand names the i-th operand of arithmetic, length or concatenation.
func (n Note) Operand(i int) (kind, name string) {
	switch n.kind {
	case 'a', 'u', 'k':
		if parts := strings.Split(n.text, "\x00"); i < len(parts) {
			return split(parts[i])
		}
	}
	return "", ""
}

// ForLoop is which bound of a numeric loop the instruction converts, or empty.
func (n Note) ForLoop() string {
	if n.kind == 'F' {
		return n.text
	}
	return ""
}

// Helper tells whether the instruction calls a hidden function.
func (n Note) Helper() bool { return n.kind == 'k' || n.kind == 'd' }
