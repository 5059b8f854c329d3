//go:build e2e && !bench

package e2e_test

// buildFlags of the binary under test: a data race anywhere ends it with an exit status of its own.
var buildFlags = []string{"-race"}
