//go:build !linux

package luacompat

// mapMemory is not there: the heap has to do.
func mapMemory(int) []byte { return nil }

func unmapMemory([]byte) {}
