// Package prove runs a rule and the script it was lifted from against each
// other.
//
//	seed ─ generate ─► request, answers of Redis, time, chance
//	                      │                 │
//	      luacompat: the script     proxy/release: the rule
//	                      └── compare ──────┘
//
// Both are the real engines; only what is around them is made up: the request
// lies in memory, Redis is a server on loopback that answers what the case
// says (every kind of answer and failure at every command), the clock and the
// dice are the case's. What is compared is all that the outside can see: how
// the request ended, the response, the variables and headers set, the shared
// memory and the commands that Redis got. The rule counts which of its
// branches were taken, so that a proof says whether it saw every path.
package prove
