// Package nginxconf reads an nginx configuration and says, in nginx's own
// words, what is wrong with it.
//
//	bytes ─ scan ─► statements ─ normalise ─ gonginx ─ join ─► Node tree
//	                                                             │ walk
//	        *Config ◄─ finish (variables, listens, upstreams) ◄─ merge ◄─ directive table
//
// gonginx builds the tree; scan decides what a word, a statement and a Lua
// body are, because nginx's lexical rules are the product (see scan.go). The
// walk goes through the nodes in file order, as nginx's own parser does, so
// that the first error reported is the one nginx reports. It opens an included
// file when it reaches the include.
//
// A directive is one row (see row): name, contexts, arguments, status and a
// typed setter. Rows live one file per nginx module. Inheritance and defaults
// come from the rows too: merge copies what a level did not write from the
// level above, module by module, and a level that writes nothing of a module
// shares its parent's struct.
//
// Load is the only entry; Options.Observe tells of what it comes by, with
// Options.Divert it leaves what is not supported to another gateway. Rows and
// KnownVariables describe the table to other
// tools. The package knows nothing of serving, and nothing of Lua beyond where
// a Lua body ends.
package nginxconf
