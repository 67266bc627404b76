package nginxconf

import (
	"errors"

	"huidu/luacompat/pcre"
)

// compileRegex is the default of Options.CompileRegex: PCRE2 itself.
func compileRegex(pattern string, noCase bool) ([]string, error) {
	var flags pcre.Flags
	if noCase {
		flags = pcre.Caseless
	}
	re, err := pcre.Compile(pattern, flags)
	if err != nil {
		var pe *pcre.Error
		if errors.As(err, &pe) {
			return nil, valueErr(pe.Text("pcre2_compile"))
		}
		return nil, err
	}
	var names []string
	for _, n := range re.Names() {
		names = append(names, n.Name)
	}
	return names, nil
}
