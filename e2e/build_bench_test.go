//go:build e2e && bench

package e2e_test

// buildFlags of the binary that is measured.
var buildFlags = []string{"-trimpath", "-ldflags=-s -w"}
