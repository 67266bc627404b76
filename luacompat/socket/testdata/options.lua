local s = ngx.socket.tcp()
s:connect("127.0.0.1", port)
say(s:setoption("keepalive", 1)) say(s:getoption("keepalive")) say(s:setoption("tcp-nodelay", 1)) say(s:getoption("tcp-nodelay")) say(s:setoption("reuseaddr", 1)) say(s:setoption("nope", 1)) say(s:setoption()) say(s:setoption("keepalive")) say(s:getoption("x")) say(s:getoption())
