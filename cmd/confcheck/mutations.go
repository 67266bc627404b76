package main

import (
	"regexp"
	"strings"
)

var (
	number  = regexp.MustCompile(`^\d+$`)
	sizeArg = regexp.MustCompile(`^\d+[kKmMgG]$`)
	timeArg = regexp.MustCompile(`^\d+(ms|[smhdw])$`)
	fileArg = regexp.MustCompile(`(_certificate|_certificate_key|_file|_crl|_dhparam|trusted_certificate|ticket_key|include)$`)
)

// argLike is a directive one of whose arguments looks like this.
func argLike(re *regexp.Regexp) func(s *stmt) bool {
	return func(s *stmt) bool {
		for _, a := range s.args {
			if re.MatchString(a) {
				return simple(s)
			}
		}
		return false
	}
}

// replaceLike replaces the arguments that look like this.
func replaceLike(re *regexp.Regexp, words ...string) func(d *doc) string {
	return at(argLike(re), func(d *doc, s *stmt) string {
		for i, a := range s.args {
			if re.MatchString(a) {
				return d.cut(s.argAt[i][0], s.argAt[i][1], d.one(words...))
			}
		}
		return ""
	})
}

func isFlag(s *stmt) bool {
	return simple(s) && len(s.args) == 1 && (s.args[0] == "on" || s.args[0] == "off")
}

// again writes a directive or block a second time, after itself.
func again(is func(s *stmt) bool) func(d *doc) string {
	return at(is, func(d *doc, s *stmt) string {
		end := s.end
		if s.block {
			end = s.close + 1
		}
		return d.cut(end, end, "\n    "+d.text[s.start:end])
	})
}

// mutations are the ways to break a configuration: its syntax, its words,
// its values, then what directives mean together.
func mutations() []mutation {
	return append(append(syntaxMutations(), valueMutations()...), meaningMutations()...)
}

func syntaxMutations() []mutation {
	return []mutation{
		{"drop_semicolon", at(simple, func(d *doc, s *stmt) string { return d.cut(s.end-1, s.end, "") })},
		{"drop_open_brace", at(isBlock, func(d *doc, s *stmt) string { return d.cut(s.end-1, s.end, "") })},
		{"drop_close_brace", at(isBlock, func(d *doc, s *stmt) string { return d.cut(s.close, s.close+1, "") })},
		{"extra_close_brace", at(anyStmt, func(d *doc, s *stmt) string { return d.cut(s.start, s.start, "} ") })},
		{"extra_open_brace", at(anyStmt, func(d *doc, s *stmt) string { return d.cut(s.start, s.start, "{ ") })},
		{"extra_semicolon", at(anyStmt, func(d *doc, s *stmt) string { return d.cut(s.end, s.end, ";") })},
		{"simple_as_block", at(simple, func(d *doc, s *stmt) string { return d.cut(s.end-1, s.end, " { }") })},
		{"block_as_simple", at(isBlock, func(d *doc, s *stmt) string { return d.cut(s.end-1, s.close+1, ";") })},
		{"open_quote", at(hasArgs, func(d *doc, s *stmt) string { return d.cut(s.argAt[0][0], s.argAt[0][0], d.one(`"`, "'")) })},
		{"quote_inside", at(hasArgs, func(d *doc, s *stmt) string { return d.cut(s.argAt[0][1], s.argAt[0][1], d.one(`"`, "'", `"x"`)) })},
		{"quoted_then_word", at(hasArgs, func(d *doc, s *stmt) string { return d.cut(s.argAt[0][0], s.argAt[0][0], `"a"b `) })},
		{"truncated", func(d *doc) string { return d.text[:d.rng.IntN(len(d.text)-1)+1] }},
		{"byte_changed", func(d *doc) string {
			i := d.rng.IntN(len(d.text))
			return d.cut(i, i+1, d.one("{", "}", ";", " ", "\n", "#", "$", "\\", "x", "0", "\x01", "\xff", `"`))
		}},
		{"byte_dropped", func(d *doc) string { i := d.rng.IntN(len(d.text)); return d.cut(i, i+1, "") }},
		{"byte_added", func(d *doc) string {
			i := d.rng.IntN(len(d.text))
			return d.cut(i, i, d.one("{", "}", ";", " ", "#", "$", "\\", "x", "0", "\t", `"`, "'"))
		}},
		{"long_word", at(hasArgs, func(d *doc, s *stmt) string {
			return d.cut(s.argAt[0][0], s.argAt[0][1], strings.Repeat("a", 4090+d.rng.IntN(20)))
		})},
		{"dropped", at(anyStmt, func(d *doc, s *stmt) string {
			if s.block && s.close < 0 {
				return ""
			} else if s.block {
				return d.cut(s.start, s.close+1, "")
			}
			return d.cut(s.start, s.end, "")
		})},
	}
}

func valueMutations() []mutation {
	return []mutation{
		{"misspelled", at(anyStmt, func(d *doc, s *stmt) string {
			i := d.rng.IntN(len(s.name))
			return d.cut(s.start+i, s.start+i+1, d.one("", "q", "_", strings.ToUpper(s.name[i:i+1])))
		})},
		{"unknown_directive", at(anyStmt, func(d *doc, s *stmt) string {
			return d.cut(s.start, s.start, d.one("nosuch on; ", "nosuch { } ", "nosuch; "))
		})},
		{"arg_dropped", at(hasArgs, func(d *doc, s *stmt) string {
			a := s.argAt[len(s.args)-1]
			return d.cut(a[0], a[1], "")
		})},
		{"args_dropped", at(hasArgs, func(d *doc, s *stmt) string {
			return d.cut(s.argAt[0][0], s.argAt[len(s.args)-1][1], "")
		})},
		{"block_args", at(isBlock, func(d *doc, s *stmt) string {
			if len(s.args) > 0 && d.rng.IntN(2) == 0 {
				return d.cut(s.argAt[0][0], s.argAt[len(s.args)-1][1], "")
			}
			return d.cut(s.end-1, s.end-1, d.one(" extra ", " a b ", " a b c d "))
		})},
		{"arg_added", addArg(simple, "extra", "on", "1", "/x", "a=b")},
		{"args_added", addArg(simple, "a b c d e f g h")},
		{"args_swapped", at(func(s *stmt) bool { return simple(s) && len(s.args) > 1 }, func(d *doc, s *stmt) string {
			a, b := s.argAt[0], s.argAt[1]
			return d.text[:a[0]] + s.args[1] + d.text[a[1]:b[0]] + s.args[0] + d.text[b[1]:]
		})},
		{"arg_empty", setArg(hasArgs, `""`, "''")},
		{"arg_word", setArg(hasArgs, "nosuch", "abc", "default", "none", "all")},
		{"arg_number", setArg(hasArgs, "0", "1", "-1", "99999999999999999999", "2147483648", "1.5")},
		{"arg_size", setArg(hasArgs, "1k", "8m", "2g", "10kk", "0k")},
		{"arg_time", setArg(hasArgs, "1s", "10ms", "1y", "1d2h", "5x", "1h1h")},
		{"arg_path", setArg(hasArgs, "/nosuch/file", "nosuch/file", "/", "http://127.0.0.1:1/x", "unix:/x")},
		{"number_word", replaceLike(number, "abc", "1x", "x1", "one")},
		{"number_negative", replaceLike(number, "-1", "-100")},
		{"number_large", replaceLike(number, "99999999999999999999", "65536", "4294967296", "2147483648")},
		{"number_zero", replaceLike(number, "0", "00")},
		{"size_bad", replaceLike(sizeArg, "1x", "1gb", "k", "1.5m", "-1k", "0", "99999999999999999999m", "1")},
		{"time_bad", replaceLike(timeArg, "1x", "s", "1s1h", "-1s", "1.5s", "0", "99999999999999999999s", "1y")},
		{"flag_bad", lastArg(isFlag, "yes", "1", "ON", "On", "true", `""`, "of")},
		{"unknown_variable", setArg(hasArgs, "$nosuch", "a$nosuch", "${nosuch}b", "$http_x$nosuch")},
		{"bad_variable", setArg(hasArgs, "$", "a$", "${x", "$-", "${}", "$$x", "a${b-c}")},
		{"variable", setArg(hasArgs, "$uri", "$arg_x", "$host", "$1")},
		{"include_missing", at(anyStmt, func(d *doc, s *stmt) string {
			return d.cut(s.start, s.start, d.one("include nosuch.conf; ", "include nosuch/*.conf; ", "include /nosuch/dir/x; ", "include logs; "))
		})},
		{"file_missing", at(func(s *stmt) bool { return simple(s) && len(s.args) == 1 && fileArg.MatchString(s.name) }, func(d *doc, s *stmt) string {
			return d.cut(s.argAt[0][0], s.argAt[0][1], d.one("nosuch", "/nosuch/file", "logs", "nginx.conf", "error.log"))
		})},
		{"duplicate", again(simple)},
		{"duplicate_block", again(isBlock)},
		{"to_main", at(simple, func(d *doc, s *stmt) string { return d.text[s.start:s.end] + "\n" + d.text })},
		{"to_events", moved("events")},
		{"to_http", moved("http")},
		{"to_server", moved("server")},
		{"to_location", moved("location")},
		{"to_upstream", moved("upstream")},
		{"to_if", moved("if")},
		{"to_limit_except", moved("limit_except")},
		{"to_map", moved("map")},
		{"to_types", moved("types")},
		{"block_moved", func(d *doc) string {
			s, to := d.pick(isBlock), d.pick(isBlock)
			if s == nil || to == nil || s == to {
				return ""
			}
			return d.cut(to.body(), to.body(), "\n"+d.text[s.start:s.close+1]+"\n")
		}},
	}
}
