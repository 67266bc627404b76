package luacompat

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// setVarDirectives are set-misc's directives that a script may call through
// ndk.set_var.
var setVarDirectives = map[string]func(arg string) (string, error){
	"set_escape_uri":   func(s string) (string, error) { return escape(s, &escapeSets[escapeComponent]), nil },
	"set_unescape_uri": func(s string) (string, error) { return unescape(s), nil },
	"set_quote_sql_str": func(s string) (string, error) {
		return "'" + sqlReplacer.Replace(s) + "'", nil
	},
	"set_quote_json_str": func(s string) (string, error) { return quoteJSON(s), nil },
	"set_encode_base64":  func(s string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil },
	"set_decode_base64": func(s string) (string, error) {
		b, err := base64.StdEncoding.DecodeString(s)
		return string(b), err
	},
	"set_encode_hex": func(s string) (string, error) { return hex.EncodeToString([]byte(s)), nil },
	"set_decode_hex": func(s string) (string, error) {
		b, err := hex.DecodeString(s)
		return string(b), err
	},
	"set_md5": func(s string) (string, error) {
		sum := md5.Sum([]byte(s))
		return hex.EncodeToString(sum[:]), nil
	},
	"set_sha1": func(s string) (string, error) {
		sum := sha1.Sum([]byte(s))
		return hex.EncodeToString(sum[:]), nil
	},
}

// quoteJSON quotes as set_quote_json_str does.
func quoteJSON(s string) string {
	if s == "" {
		return "null"
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "/", `\/`, "\b", `\b`, "\f", `\f`,
		"\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}
