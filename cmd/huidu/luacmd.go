package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"huidu/luacompat"
	"huidu/luacompat/vm"
	"huidu/nginxconf"
	"huidu/proxy"
)

const luaUsage = `Runs a Lua program outside of nginx, as OpenResty's resty command does: with the
whole ngx.* API that timers have (cosockets, ngx.sleep, light threads, timers,
shared dicts) and every module of huidu. print, ngx.say and ngx.print write to
the standard output, ngx.exit is os.exit, arg holds the arguments. An error that
nothing catches is printed with its traceback and gives exit code 1. Without FILE
and -e, or with FILE "-", the program is read from the standard input.

  huidu lua [OPTIONS] [FILE [ARGUMENTS]]

  -e CODE               run CODE (again and again: they are one program) before FILE
  -I DIR                search DIR for Lua modules too
  -l MODULE             require MODULE first
  --shdict 'NAME SIZE'  a lua_shared_dict
  --http-conf CONF      text for the http block; --http-include FILE includes one
  --main-conf CONF      text for the main context; --main-include FILE includes one
  --ns IP               a DNS server; without it, those of /etc/resolv.conf
  --resolve-ipv6        look IPv6 addresses up too
  --errlog-level LEVEL  what ngx.log prints, on standard error: warn and worse
  -c NUM                worker_connections, without meaning here
  -j off|v|dump         LuaJIT's switches: accepted, there is no JIT compiler
  -v, -V, -h

Relative file names in CONF are below the working directory.
`

// newLuaCommand is huidu lua: OpenResty's resty command.
func newLuaCommand(p process) *cobra.Command {
	return &cobra.Command{
		Use:                "lua [OPTIONS] [FILE [ARGUMENTS]]",
		Short:              "run a Lua program as OpenResty's resty command does",
		Long:               luaUsage,
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			o, err := parseLuaOptions(args)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			switch {
			case o.help:
				fmt.Fprint(p.stdout, luaUsage)
				return nil
			case o.version:
				return runNginxVersion(p)
			}
			return runLua(o, p)
		},
	}
}

// runNginxVersion answers as huidu -V does.
func runNginxVersion(p process) error {
	if code := runNginx([]string{"-V"}, p); code != 0 {
		return &exitError{code, nil}
	}
	return nil
}

// runLua runs the program and ends the process where it says os.exit.
func runLua(o *luaOptions, p process) error {
	prog, err := o.program(p.stdin)
	if err != nil {
		return &exitError{1, err}
	}
	dir, err := os.Getwd()
	if err != nil {
		return &exitError{1, err}
	}
	name := dir + "/huidu-lua.conf"
	cfg, diags := nginxconf.Load(nginxconf.Overlay{Files: nginxconf.OSFiles{}, Texts: map[string]string{name: o.conf()}}, name,
		nginxconf.Options{Prefix: dir + "/", CompileRegex: compileRegex})
	if cfg == nil {
		return &exitError{1, diags.Err()}
	}
	srv, err := proxy.New(cfg, proxy.Options{Configure: configureArguments(), LuaExit: os.Exit, ErrorLogPath: "stderr"})
	if err != nil {
		return &exitError{1, err}
	}
	srv.Start()
	err = srv.RunProgram(context.Background(), prog)
	if err != nil {
		fmt.Fprintln(p.stderr, "ERROR: "+programError(err))
		return &exitError{1, nil}
	}
	srv.Stop()
	return nil
}

// programError is an error as people read it, with the traceback it may have.
func programError(err error) string {
	var e *vm.Error
	if !errors.As(err, &e) || e.Traceback == "" {
		return err.Error()
	}
	return e.Msg + "\n" + e.Traceback
}

// program puts the pieces of the command line together.
func (o *luaOptions) program(stdin io.Reader) (*luacompat.Program, error) {
	prog := &luacompat.Program{Args: o.words, Script: o.script}
	for _, m := range o.modules {
		prog.Chunks = append(prog.Chunks, luacompat.ProgramChunk{Name: "=(command line -l)", Source: fmt.Appendf(nil, "require %q", m)})
	}
	if len(o.code) > 0 {
		prog.Chunks = append(prog.Chunks, luacompat.ProgramChunk{Name: "=(command line -e)", Source: []byte(o.inline())})
	}
	switch {
	case o.file == "-" || o.file == "" && len(o.code) == 0:
		src, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read the standard input: %w", err)
		}
		prog.Chunks = append(prog.Chunks, luacompat.ProgramChunk{Name: "=stdin", Source: src})
	case o.file != "":
		src, err := os.ReadFile(o.file)
		if err != nil {
			return nil, fmt.Errorf("input file %s: %s", o.file, errnoText(err))
		}
		prog.Chunks = append(prog.Chunks, luacompat.ProgramChunk{Name: "@" + o.file, Source: src})
	}
	return prog, nil
}
