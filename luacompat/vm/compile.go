package vm

import (
	"bytes"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// Compile turns a chunk into a function prototype, which all VMs may share.
// chunkname is as in Lua: "=name", "@file" or the source itself.
func Compile(src []byte, chunkname string) (*lua.FunctionProto, error) {
	configure()
	if len(chunkname) > 0 && (chunkname[0] == '=' || chunkname[0] == '@') {
		chunkname = chunkname[1:]
	}
	chunk, err := parse.Parse(bytes.NewReader(src), chunkname)
	if err != nil {
		return nil, err
	}
	return lua.Compile(chunk, chunkname)
}

// Compile is the package's Compile.
func (v *VM) Compile(src []byte, chunkname string) (*lua.FunctionProto, error) {
	return Compile(src, chunkname)
}
