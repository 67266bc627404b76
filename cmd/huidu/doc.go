// Command huidu is nginx for gray releases in one binary: it reads an
// nginx.conf, runs its Lua and serves HTTP.
//
// Without a sub-command it takes nginx's own options with nginx's meanings,
// exit codes and messages; messages keep the prefix "nginx:" because scripts
// and test suites look for it. Sub-commands (demo, gray, lua, …) are huidu's
// own.
//
// The way of a start:
//
//	main ─► run ─► options ─► load (nginxconf) ─► test | signal | serve
//	                                                          │
//	            listeners, pid file, privileges, signals ◄────┘
//
// run gets its arguments, streams and environment from main, so that tests
// call it without a process. Everything that touches the process as a whole
// (signals, credentials, rlimits, daemon) lives in serve.go and the files it
// names, and nowhere else.
package main
