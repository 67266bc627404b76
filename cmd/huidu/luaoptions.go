package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// luaOptions is the command line of huidu lua, which is resty's.
type luaOptions struct {
	help, version         bool
	code, modules, dirs   []string
	dicts                 []string // "NAME SIZE"
	httpConf, httpInclude []string
	mainConf, mainInclude []string
	nameservers           []string
	resolveIPv6           bool
	level                 string
	conns                 string
	file                  string
	words                 []string // all of the command line, for arg
	script                int      // index of the program's name in words
}

// luaOption is one option that takes a value.
type luaOption struct {
	names []string
	set   func(o *luaOptions, value string) error
}

// appendTo makes a setter that collects values.
func appendTo(list func(o *luaOptions) *[]string) func(*luaOptions, string) error {
	return func(o *luaOptions, v string) error {
		l := list(o)
		*l = append(*l, v)
		return nil
	}
}

var (
	shdictFormat = regexp.MustCompile(`(?i)^\s*[_a-z][_a-z0-9]*\s+\d+[km]?\s*$`)
	nsFormat     = regexp.MustCompile(`^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:]+\])(:\d+)?$`)
	errlogLevels = []string{"debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"}
)

var luaOptionTable = []luaOption{
	{[]string{"-e"}, appendTo(func(o *luaOptions) *[]string { return &o.code })},
	{[]string{"-l"}, appendTo(func(o *luaOptions) *[]string { return &o.modules })},
	{[]string{"-I"}, func(o *luaOptions, v string) error {
		if st, err := os.Stat(v); err != nil || !st.IsDir() {
			return fmt.Errorf("search directory %s is not found", v)
		}
		o.dirs = append(o.dirs, v)
		return nil
	}},
	{[]string{"-j"}, func(_ *luaOptions, v string) error {
		if v != "off" && v != "v" && v != "dump" {
			return fmt.Errorf("invalid value for -j option: %q (off, v or dump)", v)
		}
		return nil
	}},
	{[]string{"-c"}, func(o *luaOptions, v string) error {
		if _, err := strconv.ParseUint(v, 10, 31); err != nil {
			return fmt.Errorf("invalid value for -c option: %q", v)
		}
		o.conns = v
		return nil
	}},
	{[]string{"--shdict"}, func(o *luaOptions, v string) error {
		if !shdictFormat.MatchString(v) {
			return errors.New("invalid value for --shdict option. Expected: NAME SIZE")
		}
		o.dicts = append(o.dicts, v)
		return nil
	}},
	{[]string{"--ns"}, func(o *luaOptions, v string) error {
		if !nsFormat.MatchString(v) {
			return errors.New("invalid value for --ns option. Expected: IP")
		}
		o.nameservers = append(o.nameservers, v)
		return nil
	}},
	{[]string{"--http-conf"}, appendTo(func(o *luaOptions) *[]string { return &o.httpConf })},
	{[]string{"--main-conf"}, appendTo(func(o *luaOptions) *[]string { return &o.mainConf })},
	{[]string{"--http-include"}, includeTo("http", func(o *luaOptions) *[]string { return &o.httpInclude })},
	{[]string{"--main-include"}, includeTo("main", func(o *luaOptions) *[]string { return &o.mainInclude })},
	{[]string{"--errlog-level"}, func(o *luaOptions, v string) error {
		for _, l := range errlogLevels {
			if v == l {
				o.level = v
				return nil
			}
		}
		return fmt.Errorf("invalid value for --errlog-level option: %q (%s)", v, strings.Join(errlogLevels, ", "))
	}},
}

// includeTo makes a setter that collects the full names of files.
func includeTo(what string, list func(o *luaOptions) *[]string) func(*luaOptions, string) error {
	return func(o *luaOptions, v string) error {
		full, err := filepath.Abs(v)
		if err != nil {
			return err
		}
		if st, err := os.Stat(full); err != nil || !st.Mode().IsRegular() {
			return fmt.Errorf("could not find %s include '%s'", what, full)
		}
		l := list(o)
		*l = append(*l, full)
		return nil
	}
}

// restyOnly are options of resty that steer the C process behind it.
var restyOnly = map[string]bool{"--gdb": true, "--gdb-opts": true, "--rr": true, "--valgrind": true, "--valgrind-opts": true,
	"--stap": true, "--stap-opts": true, "--user-runner": true, "--nginx": true, "--stream-conf": true, "--stream-include": true}

// parseLuaOptions reads the command line. Options end at the program's name;
// the value of a short one may be joined to it.
func parseLuaOptions(args []string) (*luaOptions, error) {
	o := &luaOptions{level: "warn", conns: "64", words: append([]string{"huidu"}, args...)}
	i := 0
	for ; i < len(args); i++ {
		arg := args[i]
		if arg == "-" || !strings.HasPrefix(arg, "-") {
			break
		}
		if arg == "--" {
			i++
			break
		}
		switch arg {
		case "-h", "--help":
			o.help = true
			return o, nil
		case "-v", "-V", "--version":
			o.version = true
			return o, nil
		case "--resolve-ipv6":
			o.resolveIPv6 = true
			continue
		case "--no-stream":
			continue
		}
		used, err := o.parseValued(arg, args[i+1:])
		if err != nil {
			return nil, err
		}
		i += used
	}
	if i < len(args) {
		o.file, o.script = args[i], i+1
	}
	return o, nil
}

// parseValued reads an option with a value, its own word's or the next one.
func (o *luaOptions) parseValued(arg string, rest []string) (used int, err error) {
	name, value, joined := arg, "", false
	switch {
	case strings.HasPrefix(arg, "--"):
		name, value, joined = strings.Cut(arg, "=")
	case len(arg) > 2:
		name, value, joined = arg[:2], arg[2:], true
	}
	if restyOnly[name] {
		return 0, fmt.Errorf("option %s has no meaning for huidu: there is no nginx process behind it", name)
	}
	for _, opt := range luaOptionTable {
		for _, n := range opt.names {
			if n != name {
				continue
			}
			if !joined {
				if len(rest) == 0 {
					return 0, fmt.Errorf("option %s requires an argument", name)
				}
				value, used = rest[0], 1
			}
			return used, opt.set(o, value)
		}
	}
	return 0, fmt.Errorf("unknown option: %s", name)
}

// inline is the program of all -e options.
func (o *luaOptions) inline() string { return strings.Join(o.code, "; ") }

// conf is the nginx.conf that the program runs under, as resty writes it.
func (o *luaOptions) conf() string {
	servers := o.nameservers
	if len(servers) == 0 {
		servers = systemNameservers("/etc/resolv.conf")
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("daemon off; worker_processes 1; pid /dev/null;")
	for _, kv := range os.Environ() {
		if k, _, ok := strings.Cut(kv, "="); ok && envName.MatchString(k) {
			line("env %s;", k)
		}
	}
	line("error_log stderr %s;", o.level)
	line("events { worker_connections %s; }", o.conns)
	for _, f := range o.mainInclude {
		line("include %s;", quoteConf(f))
	}
	b.WriteString(joinLines(o.mainConf))
	line("http {\naccess_log off;\nlua_socket_log_errors off;\nlua_regex_cache_max_entries 40960;")
	if len(servers) > 0 {
		ipv6 := " ipv6=off"
		if o.resolveIPv6 {
			ipv6 = ""
		}
		line("resolver %s%s;", strings.Join(servers, " "), ipv6)
	}
	for _, d := range o.dicts {
		line("lua_shared_dict %s;", d)
	}
	if len(o.dirs) > 0 {
		var path, cpath strings.Builder
		for _, d := range o.dirs {
			path.WriteString(filepath.Join(d, "?.lua") + ";" + filepath.Join(d, "?/init.lua") + ";")
			cpath.WriteString(filepath.Join(d, "?.so") + ";")
		}
		line("lua_package_path %s;\nlua_package_cpath %s;", quoteConf(path.String()+";"), quoteConf(cpath.String()+";"))
	}
	b.WriteString(joinLines(o.httpConf))
	for _, f := range o.httpInclude {
		line("include %s;", quoteConf(f))
	}
	line("}")
	return b.String()
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func joinLines(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return strings.Join(texts, "\n") + "\n"
}

// quoteConf makes one word of an nginx.conf out of s.
func quoteConf(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// systemNameservers are the system's DNS servers that nginx can use.
func systemNameservers(file string) (servers []string) {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if w := strings.Fields(sc.Text()); len(w) > 1 && w[0] == "nameserver" && nsFormat.MatchString(w[1]) {
			servers = append(servers, w[1])
		}
	}
	return servers
}
