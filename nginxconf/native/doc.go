// Package native reads and writes huidu.yaml, huidu's own syntax for the
// same directives that nginx.conf holds.
//
// A file is turned into the tree of directives that nginx.conf is turned
// into, and goes through the same table, checks and setters from there; so
// one meaning, and a place in YAML for every row of the table without a word
// about it here. The shape:
//
//	directive: argument            one argument
//	directive: [a, b]              several arguments
//	directive: true, false         on, off; true alone where none is taken
//	directive:                     written more than once: a list of
//	- [a]                          argument lists
//	- [b]
//	http: {…}                      a block without arguments
//	servers: [{…}, {…}]            server blocks
//	upstreams: {name: {…}}         blocks with arguments, by their arguments
//	routes: {^~ /test: {…}}        location blocks
//	steps:                         where order between names counts (rewrite,
//	- set: [$a, 1]                 access, echo, more_*): a list
//	- if: {($a): {return: 403}}
//
// A block's body may also be a list of single entries, for repeated keys.
package native
