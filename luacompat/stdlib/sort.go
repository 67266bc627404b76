package stdlib

import (
	lua "github.com/yuin/gopher-lua"
)

// sorter is the quicksort of the reference implementation: scripts can see which
// of two equal elements comes first, and how often they are compared.
type sorter struct {
	L    *lua.LState
	t    *lua.LTable
	less *lua.LFunction
}

func tableSort(L *lua.LState) int {
	s := sorter{L: L, t: Tab(L, 1)}
	if L.Get(2) != lua.LNil {
		s.less = Fn(L, 2)
	}
	s.sort(1, s.t.Len())
	return 0
}

func (s *sorter) get(i int) lua.LValue    { return s.t.RawGetInt(i) }
func (s *sorter) set(i int, v lua.LValue) { s.t.RawSetInt(i, v) }

func (s *sorter) lt(a, b lua.LValue) bool {
	if s.less == nil {
		switch x := a.(type) {
		case lua.LNumber:
			if y, ok := b.(lua.LNumber); ok {
				return x < y
			}
		case lua.LString:
			if y, ok := b.(lua.LString); ok {
				return x < y
			}
		}
		return s.L.LessThan(a, b)
	}
	L := s.L
	L.Push(s.less)
	L.Push(a)
	L.Push(b)
	L.Call(2, 1)
	r := lua.LVAsBool(L.Get(-1))
	L.Pop(1)
	return r
}

func (s *sorter) sort(l, u int) {
	for l < u {
		a, b := s.get(l), s.get(u)
		if s.lt(b, a) {
			s.set(l, b)
			s.set(u, a)
		}
		if u-l == 1 {
			return
		}
		i := int(uint(l+u) / 2)
		a, b = s.get(i), s.get(l)
		if s.lt(a, b) {
			s.set(i, b)
			s.set(l, a)
		} else {
			b = s.get(u)
			if s.lt(b, a) {
				s.set(i, b)
				s.set(u, a)
			}
		}
		if u-l == 2 {
			return
		}
		p := s.get(i)
		b = s.get(u - 1)
		s.set(i, b)
		s.set(u-1, p)
		i = l
		j := u - 1
		for {
			for i++; s.lt(s.get(i), p); i++ {
				if i >= u {
					s.L.RaiseError("invalid order function for sorting")
				}
			}
			for j--; s.lt(p, s.get(j)); j-- {
				if j <= l {
					s.L.RaiseError("invalid order function for sorting")
				}
			}
			if j < i {
				break
			}
			a, b := s.get(i), s.get(j)
			s.set(i, b)
			s.set(j, a)
		}
		a, b = s.get(u-1), s.get(i)
		s.set(u-1, b)
		s.set(i, a)
		if i-l < u-i {
			s.sort(l, i-1)
			l = i + 1
		} else {
			s.sort(i+1, u)
			u = i - 1
		}
	}
}
