// Package coverage says what a configuration needs and what huidu supports of
// it: every directive, variable and regular expression with its place and its
// status, and every Lua script that the configuration runs, with where it does.
//
// The statuses are those that Load itself meets: Read loads the configuration
// with Options.Observe and Options.Divert, so that one pass comes by everything
// and stops at nothing. What scripts need is not known here; whoever joins
// both (huidu check) reads them with luacompat/lint.
package coverage
