package luacompat

import "syscall"

// mapMemory is n bytes of zeros that the kernel gives page by page when they
// are touched, and that the garbage collector knows nothing of; unmap gives
// them back. nil: the heap has to do.
func mapMemory(n int) []byte {
	mem, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return mem
}

func unmapMemory(mem []byte) { _ = syscall.Munmap(mem) }
