// Package luatest is a server made of memory: a Request for package luacompat
// that needs no sockets, so that an API is tested where it is written.
//
//	r := luatest.New("GET /hello?a=1 HTTP/1.1\r\nHost: h\r\n\r\n")
//	out, err := script.Run(ctx, luacompat.PhaseContent, r)
//	r.Response() // "200\nX-Made: by lua\n\nbody"
package luatest
