// Package gatewaytest runs tests that people write in Lua for their gateway
// scripts (huidu test): the configuration or script as it is in production, real
// requests through the whole engine, and fakes for all that it would talk to.
//
//	x_test.lua ─► run.go: lists its cases, then runs each in a VM of its own
//	     │ require "huidu.test" (test.lua)
//	     ▼
//	host.go ─► gateway.go: proxy.Server without listeners, Server.Exchange
//	               │ MapAddr, MapLog, Now
//	               ▼
//	           upstream.go, redis.go (miniredis), logs.go, the clock
//
// The engine is proxy's own: nothing is simulated but the other ends of the
// gateway's connections and its clock. What the gateway connects to is a fake or
// is refused, so a test never reaches production.
//
// Results go to a Reporter: human.go, tap.go, junit.go.
package gatewaytest
