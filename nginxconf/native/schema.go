package native

import (
	"encoding/json"
	"strconv"
	"strings"

	"huidu/nginxconf"
)

// schemaID names the schema's dialect.
const schemaID = "https://json-schema.org/draft/2020-12/schema"

// schemaContexts are the bodies that huidu.yaml has, by their definition's
// name.
var schemaContexts = []struct {
	name string
	ctx  nginxconf.Context
}{
	{"main", nginxconf.CtxMain}, {"events", nginxconf.CtxEvents}, {"http", nginxconf.CtxHTTP},
	{"server", nginxconf.CtxServer}, {"if-in-server", nginxconf.CtxServerIf}, {"location", nginxconf.CtxLocation},
	{"if-in-location", nginxconf.CtxLocationIf}, {"limit_except", nginxconf.CtxLimitExcept},
	{"upstream", nginxconf.CtxUpstream}, {"stream", nginxconf.CtxStream}, {"stream-server", nginxconf.CtxStreamServer},
	{"stream-upstream", nginxconf.CtxStreamUpstream}, {"release", nginxconf.CtxRelease},
}

type schema = map[string]any

// Schema is the JSON Schema of huidu.yaml, for editors: every directive of
// the table that huidu takes, where it may stand, with the number of its
// arguments. What values mean is checked when the file is loaded.
func Schema() ([]byte, error) {
	defs := schema{
		"scalar": schema{"type": []string{"string", "number", "boolean"}},
		"raw": schema{"anyOf": []any{
			schema{"type": "object", "additionalProperties": schema{"$ref": "#/$defs/rawValue"}},
			schema{"type": "array", "items": schema{"type": "object", "additionalProperties": schema{"$ref": "#/$defs/rawValue"}}},
			schema{"type": "null"},
		}},
		"rawValue": schema{"anyOf": []any{
			schema{"type": "null"}, schema{"$ref": "#/$defs/scalar"},
			schema{"type": "array", "items": schema{"anyOf": []any{schema{"$ref": "#/$defs/scalar"}, argList(0, -1)}}},
		}},
	}
	for _, c := range schemaContexts {
		defs[c.name] = bodySchema(c.name, c.ctx)
	}
	out := schema{
		"$schema": schemaID, "title": "huidu.yaml",
		"description": "A gateway's configuration in huidu's own format. huidu translate writes it from an nginx.conf.",
		"$ref":        "#/$defs/main", "$defs": defs,
	}
	b, err := json.MarshalIndent(out, "", " ")
	return append(b, '\n'), err
}

// bodySchema describes what may stand in one context: a mapping, or a list of
// mappings where keys repeat.
func bodySchema(name string, ctx nginxconf.Context) schema {
	props := schema{}
	for _, r := range nginxconf.Rows() {
		if r.Contexts&ctx == 0 || r.Status == nginxconf.Unsupported && r.Block {
			continue
		}
		key := r.Name
		if k := blockKeys[r.Name]; r.Block && k != "" {
			key = k
		}
		s := directiveSchema(r, inner(r.Name, ctx))
		if old, twice := props[key].(schema); twice { // one name, two rows: thread_pool and the like
			s = schema{"anyOf": []any{old, s}, "description": s["description"]}
		}
		props[key] = s
	}
	props["steps"] = schema{"description": "directives whose order counts, a list of single ones",
		"type": "array", "items": schema{"$ref": "#/$defs/" + name}}
	one := schema{"type": "object", "properties": props, "additionalProperties": false}
	return schema{"anyOf": []any{one, schema{"type": "array", "items": schema{"$ref": "#/$defs/" + name}}, schema{"type": "null"}}}
}

// inner is the context of a block's body.
func inner(name string, outside nginxconf.Context) string {
	switch {
	case rawBlock(name):
		return "raw"
	case outside == nginxconf.CtxRelease, name == "release_set":
		return "release"
	case name == "if" && outside == nginxconf.CtxServer:
		return "if-in-server"
	case name == "if":
		return "if-in-location"
	case outside >= nginxconf.CtxStream && outside <= nginxconf.CtxStreamUpstream && (name == "server" || name == "upstream"):
		return "stream-" + name
	}
	return name
}

// directiveSchema describes the value of one key.
func directiveSchema(r nginxconf.Row, body string) schema {
	s := valueSchema(r, body)
	about := r.Module
	if r.Default != "" {
		about += "; default: " + r.Default
	}
	switch r.Status {
	case nginxconf.Unsupported:
		about += "; not supported, so it can only be off: " + r.Reason
	case nginxconf.Ignored:
		about += "; checked, but without effect: " + r.Reason
	}
	s["description"] = about
	return s
}

func valueSchema(r nginxconf.Row, body string) schema {
	if r.Status == nginxconf.Unsupported { // to switch it off is fine
		return schema{"enum": []any{"off", false}}
	}
	ref := schema{"$ref": "#/$defs/" + body}
	least, most := argCounts(r.Args)
	switch {
	case strings.HasSuffix(r.Name, "_by_lua_block"):
		if least == 0 {
			return schema{"type": "string"}
		}
		byArgs := schema{"type": "object", "additionalProperties": schema{"type": "string"}}
		return schema{"anyOf": []any{byArgs, schema{"type": "array", "items": byArgs}}}
	case r.Block && r.Name == "server":
		return schema{"anyOf": []any{schema{"type": "array", "items": ref}, ref}}
	case r.Block && least == 0:
		return schema{"anyOf": []any{ref}}
	case r.Block: // bodies by their arguments, listed where those repeat
		byArgs := schema{"type": "object", "additionalProperties": ref}
		return schema{"anyOf": []any{byArgs, schema{"type": "array", "items": byArgs}}}
	}
	var forms []any
	if least == 0 {
		forms = append(forms, schema{"type": "null"}, schema{"const": true})
	}
	if r.Args == "on|off" {
		forms = append(forms, schema{"type": "boolean"}, schema{"type": "string"})
	} else if least <= 1 && (most < 0 || most >= 1) {
		forms = append(forms, schema{"$ref": "#/$defs/scalar"})
	}
	forms = append(forms, argList(least, most), schema{"type": "array", "items": argList(least, most)})
	return schema{"anyOf": forms}
}

// argList is a list of a directive's arguments.
func argList(least, most int) schema {
	s := schema{"type": "array", "items": schema{"$ref": "#/$defs/scalar"}, "minItems": least}
	if most >= 0 {
		s["maxItems"] = most
	}
	return s
}

// argCounts reads Row.Args: the least and the most arguments, -1 for no limit.
func argCounts(args string) (least, most int) {
	if args == "on|off" {
		return 1, 1
	}
	if n, open := strings.CutSuffix(args, "+"); open {
		least, _ = strconv.Atoi(n)
		return least, -1
	}
	counts := strings.Split(args, ",")
	least, _ = strconv.Atoi(counts[0])
	most, _ = strconv.Atoi(counts[len(counts)-1])
	return least, most
}
