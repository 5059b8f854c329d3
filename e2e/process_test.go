//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// procStat are the fields of /proc/PID/stat behind the name: [0] is the state, [1] the parent (proc(5) counts from 3).
func procStat(pid int) []string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return nil
	}
	s := string(text)
	return strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
}

// alive reports whether a process runs; one that nobody has waited for yet does not.
func alive(pid int) bool {
	f := procStat(pid)
	return len(f) > 1 && f[0] != "Z" && f[0] != "X"
}

// children are the processes that a process has started and that still run.
func children(t *testing.T, parent int) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if f := procStat(pid); len(f) > 1 && f[1] == strconv.Itoa(parent) && alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// encoding are the children that encode a stream: those that only try what this machine can do take no input.
func encoding(t *testing.T, parent int) (pids []int) {
	t.Helper()
	for _, pid := range children(t, parent) {
		if line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline")); err == nil && strings.Contains(string(line), "pipe:0") {
			pids = append(pids, pid)
		}
	}
	return pids
}
