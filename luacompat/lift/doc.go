// Package lift reads a gray-release script and states its rule.
//
//	source ─ repair.Parse ─► AST ─ executed on symbols ─► Rule: steps of proxy/release
//
// The script is executed with symbols for all that it cannot know: headers,
// cookies, arguments, variables, answers of Redis, shared memory, time and
// chance. A symbol is an expression of package expr, which the rule asks when
// it runs; what a script does to the world (a command to Redis, a variable, an
// answer) becomes a step at the same place in the same order. At an if whose
// condition is not known both branches are executed, and where both go on
// their values are joined (c ? a : b), so that a rule is about as long as its
// script. Functions and modules are executed where they are called, loops
// over known tables are unrolled.
//
// What may raise an error in Lua is evaluated by a let at its place, so that
// a rule fails where the script fails. Whatever is not understood ends the
// attempt with a Refusal that names the line: nothing is approximated.
package lift
