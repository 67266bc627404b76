package nginxconf

// Node is one directive of a file, with its block's directives below it.
type Node struct {
	Name   string
	Args   []string // without the name
	File   string   // as it was opened
	Line   int      // of the ";" or "{", as nginx counts
	Parent *Node
	Kids   []*Node
	Block  bool
	Lua    string // the body of a *_by_lua_block, verbatim
	IsLua  bool
	Note   string // what a translation should say about it

	words  []word    // places of name and arguments, for hints
	last   int       // line of the block's "}"
	noSemi bool      // its ";" was missing
	broken *lexError // scanning stopped in this block
}

// Pos is where the node was written, as nginx names it.
func (n *Node) Pos() Pos { return Pos{n.File, n.Line} }

// source is one parsed file.
type source struct {
	name string
	kids []*Node
	err  *lexError // scanning stopped at the top level
}
