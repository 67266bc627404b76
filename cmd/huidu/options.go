package main

import (
	"fmt"
	"strings"
)

// options is nginx's command line together with huidu's own flags.
type options struct {
	help        bool
	version     bool
	configure   bool // -V: version with configure arguments
	test        bool
	dump        bool // -T; implies test
	quiet       bool
	signal      string // -s
	prefix      string // -p, ends in "/"; "" when not given
	conf        string // -c; "" when not given
	errorLog    string // -e; "" when not given
	globals     string // -g
	strict      bool
	mapListen   []string
	mapPath     []string
	mapAddr     []string
	traceKey    string // file
	fallback    fallbackFlags
	signalGiven bool
}

// parseOptions reads nginx's command line. Short options may be joined
// ("-tq") and take their value from the same word or from the next one, as
// in nginx; errors have nginx's words. Long options are huidu's own.
//
// See: https://nginx.org/en/docs/switches.html
func parseOptions(args []string) (*options, error) {
	o := new(options)
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if strings.HasPrefix(arg, "--") {
			used, err := o.parseLong(arg[2:], args[i+1:])
			if err != nil {
				return nil, err
			}
			i += used
			continue
		}
		if !strings.HasPrefix(arg, "-") {
			return nil, fmt.Errorf("invalid option: %q", arg)
		}
		used, err := o.parseShort(arg[1:], args[i+1:])
		if err != nil {
			return nil, err
		}
		i += used
	}
	return o, o.fallback.check()
}

// parseShort reads one word of joined short options. rest is what follows
// the word; it returns how many words of rest were taken as values.
func (o *options) parseShort(word string, rest []string) (int, error) {
	for word != "" {
		c := word[0]
		word = word[1:]
		switch c {
		case '?', 'h':
			o.version, o.help = true, true
			continue
		case 'v':
			o.version = true
			continue
		case 'V':
			o.version, o.configure = true, true
			continue
		case 't':
			o.test = true
			continue
		case 'T':
			o.test, o.dump = true, true
			continue
		case 'q':
			o.quiet = true
			continue
		}
		target, needs := o.shortValue(c)
		if target == nil {
			return 0, fmt.Errorf("invalid option: \"%c\"", c)
		}
		value, used := word, 0
		if value == "" && len(rest) > 0 && rest[0] != "" {
			value, used = rest[0], 1
		}
		if value == "" {
			return 0, fmt.Errorf("option \"-%c\" requires %s", c, needs)
		}
		*target = value
		switch c {
		case 'p':
			if !strings.HasSuffix(o.prefix, "/") {
				o.prefix += "/"
			}
		case 's':
			o.signalGiven = true
			if _, ok := controlSignals[value]; !ok {
				return 0, fmt.Errorf("invalid option: \"-s %s\"", value)
			}
		}
		return used, nil
	}
	return 0, nil
}

// shortValue returns where an option's value goes and what nginx calls it.
func (o *options) shortValue(c byte) (target *string, needs string) {
	switch c {
	case 'p':
		return &o.prefix, "directory name"
	case 'e':
		return &o.errorLog, "file name"
	case 'c':
		return &o.conf, "file name"
	case 'g':
		return &o.globals, "parameter"
	case 's':
		return &o.signal, "parameter"
	}
	return nil, ""
}

// parseLong reads one long option, "name" or "name=value".
func (o *options) parseLong(word string, rest []string) (int, error) {
	name, value, hasValue := strings.Cut(word, "=")
	switch name {
	case "strict":
		o.strict = !hasValue || value == "true"
		return 0, nil
	case "version":
		o.version = true
		return 0, nil
	case "help":
		o.version, o.help = true, true
		return 0, nil
	}
	used := 0
	if !hasValue && len(rest) > 0 {
		value, used = rest[0], 1
	}
	if name == "trace-key" {
		if value == "" {
			return 0, fmt.Errorf("option \"--trace-key\" requires file name")
		}
		o.traceKey = value
		return used, nil
	}
	if known, err := o.fallback.set(name, value); known || err != nil {
		return used, err
	}
	list := map[string]*[]string{
		"map-listen": &o.mapListen, "map-path": &o.mapPath, "map-addr": &o.mapAddr,
	}[name]
	if list == nil {
		return 0, fmt.Errorf("invalid option: \"--%s\"", name)
	}
	if from, to, ok := strings.Cut(value, "="); !ok || from == "" || to == "" {
		return 0, fmt.Errorf("option \"--%s\" requires FROM=TO", name)
	}
	*list = append(*list, value)
	return used, nil
}
