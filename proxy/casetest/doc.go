// Package casetest runs the cases in testdata/http: txtar files that people
// read without Go, each one behaviour, run on huidu and, where it is
// installed, on nginx with ngx_lua. It is imported by tests only.
//
// A case is a comment that says what it shows, then files, then a story:
//
//	A relative redirect is made absolute with the request's host.
//	-- server --
//	location /old { return 301 /new; }
//	-- story --
//	> GET /old
//	< 301
//	< Location: http://localhost:{{port}}/new
//
// # Files
//
//	nginx.conf    the whole configuration
//	main          lines of the main context, beside http or server
//	http          the contents of http{}: the rest is put around it
//	server        the contents of one server that listens on {{port}}
//	article       the article's nginx.conf and huidu.lua, on both servers
//	story         what happens (below)
//	any other     a file below the prefix: conf/x.lua, html/index.html
//
// In all of them {{port}} is the server's port, {{port NAME}} another free
// one, {{upstream NAME}} an upstream's address, {{redis}} that of Redis
// ({{redis.port}} its port) and {{dir}} the prefix without a slash at its end.
//
// # Stories
//
// A story is a list of steps, one a line; "#" starts a comment line.
//
//	> GET /path HTTP/1.1      a request; version, Host, Content-Length and
//	> X-Name: value           "Connection: close" are added when not there
//	>                         an empty line, then the body
//	> body                    (">- text": a last line without line end)
//	< 200                     the response: status
//	< X-Name: value           a header; "X-Name: ~RE" matches, "!X-Name" is absent
//	<                         an empty line, then the whole body
//	< body                    ("<- text": a last line without line end,
//	<~ RE                     "<~": the body matches, "<!~": it does not)
//	<closed                   instead of a status: closed without a response
//	raw "GET / HTTP/1.0\r\n"  a request byte for byte, as a Go string
//	keep / close              from here on one connection / one per request
//	log ~ RE                  error.log gets such a line (waits); log !~ RE: has none
//	access ~ RE               the same for logs/access.log
//	reload [ok|refused]       HUP
//	file NAME TEXT            writes a file below the prefix (a Go string)
//	wait 100ms
//	upstream NAME up|down|hang          says its name and what it was asked
//	upstream NAME slow 300ms            answers late
//	upstream NAME echo                  answers with the request, byte for byte
//	upstream NAME reply "HTTP/1.1 …"    answers with these bytes and closes
//	redis up [PASSWORD] | down | hang | slow 300ms | reply "bytes"
//	redis do SET key value              a command, past all of the above
//	load start N /path [X-Name: value]  N clients ask again and again
//	load stop 200,502                   all they got was of these
//
// A line of a story that starts with "huidu:" or "nginx:" is for that server
// alone; a case with such lines has a comment line "differs: reason".
// A case with the comment line "huidu only: reason" is not run on nginx.
package casetest
