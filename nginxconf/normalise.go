package nginxconf

import "strings"

// placeholder stands, in the text for gonginx, for a word that it would read
// otherwise than nginx.
const placeholder = `"w"`

// normalise writes statements in a form that gonginx reads as we did: one
// token per word, comments gone, Lua bodies blanked, every line kept.
func normalise(src string, stmts []stmt, depth int) string {
	var sb strings.Builder
	sb.Grow(len(src))
	line := 1
	upTo := func(to int) {
		for ; line < to; line++ {
			sb.WriteByte('\n')
		}
	}
	for i := range stmts {
		st := &stmts[i]
		if st.end {
			upTo(st.line)
			sb.WriteByte('}')
			continue
		}
		for j, w := range st.words {
			upTo(int(w.line))
			raw := src[w.start:w.end]
			if j > 0 {
				sb.WriteByte(' ')
			}
			if plain(raw, w, st.isLua && j == 0) {
				sb.WriteString(raw)
			} else {
				sb.WriteString(placeholder)
			}
		}
		upTo(st.line)
		switch {
		case st.isLua:
			sb.WriteString(" {")
			upTo(st.luaLast)
			sb.WriteByte('}')
		case st.block:
			sb.WriteString(" {") // a space, or "$ {" would read as "${"
		default:
			sb.WriteByte(';')
		}
	}
	for ; depth > 0; depth-- {
		sb.WriteString("\n}")
	}
	return sb.String()
}

// plain reports whether gonginx reads the word as it stands.
func plain(raw string, w word, luaName bool) bool {
	if w.quoted || raw == "" || raw[0] == '`' {
		return false
	}
	for i := 0; i < len(raw); i++ {
		if !plainByte[raw[i]] {
			return false
		}
	}
	return luaName || !strings.HasSuffix(raw, "_by_lua_block")
}

var plainByte = func() (t [256]bool) {
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-32] = true, true
	}
	for _, c := range "0123456789_-./:=,@%+^~*|?!()&<>[]$" {
		t[c] = true
	}
	return t
}()
