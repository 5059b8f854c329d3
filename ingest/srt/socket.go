package srt

import (
	"syscall"
)

// tune prepares the socket before it is bound: room for bursts, and no second server on the same port.
func (s *Server) tune(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		if failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0); failed != nil {
			return
		}
		if failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer); failed != nil {
			return
		}
		if got, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF); err == nil && got < receiveBuffer {
			s.log.Warn("small receive buffer: many streams at a time may lose packets", "bytes", got, "wanted", receiveBuffer,
				"fix", "sysctl -w net.core.rmem_max=8388608")
		}
	})
	if err != nil {
		return err
	}
	return failed
}
