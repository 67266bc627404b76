// Package netconn is the connection I/O layer: accepted and dialled
// connections, their buffers, timeouts and endings. It knows bytes, not HTTP.
//
// A Conn is used by one goroutine at a time, with blocking calls. Methods
// that say so may be called from others: Interrupt, Aborted, and the
// arming of watches.
//
// Buffers come from pools by size class and are held only while there are
// bytes in them: an idle connection has none. What Buffered returns belongs
// to the connection until Consume, Fill or Detach; Detach hands the memory
// over to the caller, who may keep views into it until Release.
//
// Timeouts are nginx's: between two successive operations, not for a whole
// transfer, and cost nothing unless an operation has to wait.
package netconn
