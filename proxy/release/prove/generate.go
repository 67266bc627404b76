package prove

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"time"

	"huidu/luacompat"
	"huidu/luacompat/lift"
)

// Case is one request with the world it meets.
type Case struct {
	Method   string
	Headers  []luacompat.Header
	Args     string
	Vars     map[string]string
	Fixed    map[string]bool // variables that cannot be set
	Now      time.Time
	Dice     []float64
	Refuse   bool     // nobody can connect to Redis
	Auth     string   // what AUTH answers
	Replies  []string // to the commands, in order; "" closes the connection
	Dict     map[string]map[string]any
	LogLevel int
}

// generator makes cases for one rule.
type generator struct {
	r     *rand.Rand
	facts *lift.Rule
	texts []string
	nums  []float64
	pool  []string // what this case's values are mostly taken from
}

func newGenerator(seed uint64, facts *lift.Rule) *generator {
	g := &generator{r: rand.New(rand.NewPCG(seed, 0x6875696475)), facts: facts}
	g.texts = append(unique(facts.Texts), "1", "0", "", "true", "10.0.0.1", "192.168.1.77")
	g.nums = append(facts.Numbers, 0, 1, 2, 10, 100)
	return g
}

func unique(list []string) (out []string) {
	seen := map[string]bool{}
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

func (g *generator) chance(p float64) bool { return g.r.Float64() < p }

// text makes a value: a constant of the script or one near it, an address, a
// number, something odd.
func (g *generator) text() string {
	if len(g.pool) > 0 && g.chance(0.5) {
		return g.pool[g.r.IntN(len(g.pool))]
	}
	return g.fresh()
}

var odd = []string{"", " ", "nil", "0x10", "1e2", " 7 ", "-1", "007", "1.5", "NaN", "inf", "用户", "a%20b", "x,y", "10.0.0.1, 10.0.0.2",
	"null", "false", "9007199254740993", "+5", "00", "0x14", " 30 ", "5e1", "77.0", ".", "%", "..", "uid=1; gray=1"}

func (g *generator) fresh() string {
	switch g.r.IntN(12) {
	case 0, 1, 2:
		return g.texts[g.r.IntN(len(g.texts))]
	case 3:
		return near(g.r, g.texts[g.r.IntN(len(g.texts))])
	case 4:
		return g.texts[g.r.IntN(len(g.texts))] + g.texts[g.r.IntN(len(g.texts))]
	case 5:
		return fmt.Sprintf("%d.%d.%d.%d", g.r.IntN(256), g.r.IntN(256), g.r.IntN(256), g.r.IntN(256))
	case 6, 7:
		n := g.nums[g.r.IntN(len(g.nums))]
		return strconv.FormatFloat(n+float64(g.r.IntN(3)-1), 'f', -1, 64)
	case 8, 9:
		return strconv.Itoa(g.r.IntN(200000))
	case 10:
		return odd[g.r.IntN(len(odd))]
	}
	return g.pattern(g.texts[g.r.IntN(len(g.texts))])
}

// near changes a text a little.
func near(r *rand.Rand, s string) string {
	switch r.IntN(6) {
	case 0:
		return strings.ToUpper(s)
	case 1:
		return s + string(rune('a'+r.IntN(26)))
	case 2:
		return string(rune('a'+r.IntN(26))) + s
	case 3:
		if len(s) > 1 {
			return s[:len(s)-1]
		}
	case 4:
		return s + strconv.Itoa(r.IntN(1000))
	case 5:
		return strconv.Itoa(r.IntN(1000)) + s
	}
	return s
}

// pattern makes a text that a constant may match as a pattern or a regular
// expression: classes become members, marks vanish.
func (g *generator) pattern(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if i+1 < len(p) && (p[i+1] == '?' || p[i+1] == '*') && g.chance(0.4) {
			continue // optional
		}
		switch c := p[i]; c {
		case '%', '\\':
			if i++; i >= len(p) {
				break
			}
			switch p[i] {
			case 'd':
				if n := g.number(); n != "" && g.chance(0.4) {
					b.WriteString(n)
					break
				}
				for range 1 + g.r.IntN(4) {
					b.WriteByte(byte('0' + g.r.IntN(10)))
				}
			case 'w', 'a', 'l':
				for range 1 + g.r.IntN(4) {
					b.WriteByte(byte('a' + g.r.IntN(26)))
				}
			case 'x':
				b.WriteByte("0123456789abcdef"[g.r.IntN(16)])
			case 's':
				b.WriteByte(' ')
			default:
				b.WriteByte(p[i])
			}
		case '^', '$', '*', '+', '?', '(', ')':
		case '|':
			if g.chance(0.5) {
				return b.String()
			}
			b.Reset()
		case '.':
			b.WriteByte(byte('a' + g.r.IntN(26)))
		case '[':
			j := strings.IndexByte(p[i+1:], ']')
			if j < 0 {
				break
			}
			set := p[i+1 : i+1+j]
			i += j + 1
			for range 1 + g.r.IntN(3) {
				switch {
				case strings.HasPrefix(set, "^"):
					b.WriteByte(byte('a' + g.r.IntN(26)))
				case len(set) >= 3 && set[1] == '-':
					b.WriteByte(set[0] + byte(g.r.IntN(int(set[2]-set[0])+1)))
				case set != "":
					b.WriteByte(set[g.r.IntN(len(set))])
				}
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// number is a constant of the script that is all digits, or "".
func (g *generator) number() string {
	s := g.texts[g.r.IntN(len(g.texts))]
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}

// next makes a case.
func (g *generator) next() *Case {
	g.pool = g.pool[:0]
	for range 3 {
		g.pool = append(g.pool, g.fresh())
	}
	c := &Case{Method: "GET", Vars: map[string]string{"remote_addr": "10.1.2.3", "uri": "/test/n.jpg", "request_uri": "/test/n.jpg?a=1",
		"host": "localhost", "scheme": "http", "request_method": "GET", "is_args": ""}, Auth: "+OK", LogLevel: 5}
	if g.chance(0.3) {
		c.Vars["remote_addr"] = g.fresh()
	}
	if g.chance(0.1) {
		c.Method = [...]string{"POST", "HEAD", "PUT", "get"}[g.r.IntN(4)]
		c.Vars["request_method"] = c.Method
	}
	g.headers(c)
	g.args(c)
	g.variables(c)
	g.time(c)
	for range 6 {
		d := g.r.Float64()
		switch g.r.IntN(8) {
		case 0:
			d = 0
		case 1:
			d = 0.9999999999
		}
		c.Dice = append(c.Dice, d)
	}
	g.redis(c)
	c.Dict = map[string]map[string]any{}
	return c
}

func (g *generator) headers(c *Case) {
	for _, name := range unique(g.facts.Headers) {
		if g.chance(0.3) {
			continue
		}
		key := name
		switch g.r.IntN(6) {
		case 0:
			key = strings.ToLower(name)
		case 1:
			key = strings.ReplaceAll(name, "_", "-")
		case 2:
			key = strings.ReplaceAll(name, "-", "_")
		case 3:
			key = strings.ToUpper(strings.ReplaceAll(name, "_", "-"))
		default:
			key = strings.ReplaceAll(name, "_", "-")
		}
		c.Headers = append(c.Headers, luacompat.Header{Key: key, Value: g.text()})
		if g.chance(0.06) {
			c.Headers = append(c.Headers, luacompat.Header{Key: key, Value: g.text()})
		}
	}
	c.Headers = append(c.Headers, luacompat.Header{Key: "Host", Value: "localhost"}, luacompat.Header{Key: "Accept", Value: "*/*"})
	if g.chance(0.01) { // beyond the hundred that scripts see
		many := make([]luacompat.Header, 0, 110)
		for i := range 98 + g.r.IntN(5) {
			many = append(many, luacompat.Header{Key: fmt.Sprintf("X-Filler-%d", i), Value: "x"})
		}
		c.Headers = append(many, c.Headers...)
	}
	g.r.Shuffle(len(c.Headers), func(i, j int) { c.Headers[i], c.Headers[j] = c.Headers[j], c.Headers[i] })
}

func (g *generator) args(c *Case) {
	var parts []string
	for _, name := range append(unique(g.facts.Args), "other") {
		if g.chance(0.3) {
			continue
		}
		for range 1 + max(0, g.r.IntN(12)-9) {
			switch g.r.IntN(8) {
			case 0:
				parts = append(parts, name)
			case 1:
				parts = append(parts, name+"="+g.text())
			default:
				parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(g.text()))
			}
		}
	}
	c.Args = strings.Join(parts, "&")
	c.Vars["args"] = c.Args
}

func (g *generator) variables(c *Case) {
	for _, name := range unique(g.facts.Vars) {
		if _, ok := c.Vars[name]; ok && !g.chance(0.3) {
			continue
		}
		delete(c.Vars, name)
		if g.chance(0.75) {
			c.Vars[name] = g.text()
		}
	}
	for _, name := range unique(g.facts.SetVars) {
		if g.chance(0.01) {
			c.Fixed = map[string]bool{name: true}
		}
	}
}

func (g *generator) time(c *Case) {
	c.Now = time.Unix(1767225600+int64(g.r.IntN(400*86400)), int64(g.r.IntN(1000))*1e6)
	if g.chance(0.5) {
		for _, n := range g.facts.Numbers {
			if n > 1e9 && n < 4e9 && g.chance(0.5) {
				c.Now = time.Unix(int64(n)+int64(g.r.IntN(5)-2), 0)
			}
		}
	}
}

func (g *generator) redis(c *Case) {
	switch g.r.IntN(40) {
	case 0:
		c.Refuse = true
	case 1:
		c.Auth = "-ERR invalid password"
	}
	for range 6 {
		c.Replies = append(c.Replies, g.reply(0))
	}
}

// matchArg stands for the last word of the command, as in SET ip ip.
const matchArg = "\x00"

func bulk(s string) string {
	if s == matchArg {
		return matchArg
	}
	return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s)
}

func (g *generator) reply(depth int) string {
	switch g.r.IntN(16) {
	case 0, 1, 2:
		return "$-1\r\n"
	case 3, 4:
		return matchArg
	case 5, 6, 7:
		return bulk(g.text())
	case 8, 9:
		return ":1\r\n"
	case 10:
		return ":0\r\n"
	case 11:
		return fmt.Sprintf(":%d\r\n", int64(g.nums[g.r.IntN(len(g.nums))])+int64(g.r.IntN(3)-1))
	case 12:
		if depth > 0 {
			return bulk(g.text())
		}
		return [...]string{"-ERR oops\r\n", "-WRONGTYPE Operation against a key\r\n", "-NOAUTH Authentication required.\r\n"}[g.r.IntN(3)]
	case 13:
		if depth > 0 || g.chance(0.5) {
			return bulk(strconv.Itoa(g.r.IntN(101)))
		}
		return ""
	case 14:
		return "+OK\r\n"
	}
	if depth > 1 {
		return "*-1\r\n"
	}
	n := g.r.IntN(4)
	out := fmt.Sprintf("*%d\r\n", n)
	for range n {
		e := g.reply(depth + 1)
		if e == matchArg {
			e = bulk(g.text())
		}
		out += e
	}
	return out
}
