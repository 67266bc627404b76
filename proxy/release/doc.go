// Package release runs the rules of gray releases: which of several targets
// answers a request, decided by what the request holds and what Redis says.
//
//	nginxconf.Release ─ Compile ─► Rule ─ Run(Request) ─► luacompat.Outcome
//	 steps, expressions     slots, closures, sets
//
// A rule stands where a script of its phase would stand, asks the request
// through the same interface and ends in the same Outcome, so that all that
// follows (named locations, error pages, redirects) is what follows a script.
// It is a list of steps, run in order until one ends the request:
//
//	let $x EXPR            a name for a value (see package luacompat/expr)
//	connect $ok H ADDR     open the store H; $ok, $ok_error as resty.redis says
//	auth, select, timeout, keepalive, close
//	ask $x H CMD WORD...   one command; $x is the answer: text, number, list,
//	                       null, false (refused) or nil (no answer) with $x_error
//	dict_get, dict_set     shared memory
//	when EXPR {…} otherwise {…}, try $ok {…}
//	set $var, header, request_header, status, say, print, log
//	go URI, exit STATUS, redirect URI, done, value EXPR, fault TEXT: the ends
//
// A word is text with $names in it, or one $name whose value it is. Rules
// that people write need no connect: a store with an address is opened by the
// first ask, and on_store_failure says what holds when that fails.
//
// Nothing is parsed or looked up by name when a rule runs, and what a run
// needs is pooled. Redis is reached through the same connections as scripts
// reach it (luacompat/resty/redis/link).
package release
