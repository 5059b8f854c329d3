package ffmpeg

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The bounds of a child. Threads and their stacks grow with the cores, and so does what they may take.
const (
	memory        = 4 << 30
	memoryPerCore = 64 << 20
	files         = 256
	niceness      = 5 // the server's own work comes before encoding: what is late anyway must not make the rest late
)

// confined are the attributes of every child: its own group, an end with ours, and where the system lets us, a network of its
// own that nothing is connected to, and no rights in ours.
func confined() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if Isolated() {
		a.Cloneflags = isolation
	}
	return a
}

const isolation = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC

// Isolated reports whether children run in a network of their own: containers and hardened kernels often refuse that. Then
// the whitelist of protocols alone stands between ffmpeg and the network.
var Isolated = sync.OnceValue(func() bool {
	path, err := Find()
	if err != nil {
		return false
	}
	cmd := exec.Command(path, "-hide_banner", "-L")
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: isolation}
	return cmd.Run() == nil
})

// bound sets the limits of a child that has just been started. Each is a second fence: that one cannot be set is no reason to
// do without the child.
func bound(pid int) {
	for resource, limit := range map[int]uint64{
		unix.RLIMIT_DATA:   memory + memoryPerCore*uint64(runtime.NumCPU()),
		unix.RLIMIT_FSIZE:  0, // it writes no file
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_NOFILE: files,
	} {
		_ = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: limit, Max: limit}, nil)
	}
	_ = unix.Setpriority(unix.PRIO_PGRP, pid, niceness)
}

// hertz is the unit of times in /proc, which Linux gives to every architecture.
const hertz = 100

// CPU is the processor time that the child has taken so far.
func (p *Process) CPU() time.Duration {
	select {
	case <-p.done:
		return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	default:
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0
	}
	// proc(5): utime and stime are fields 14 and 15; the name in field 2 may hold anything but ends with the last ')'.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64)
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * time.Second / hertz
}
