// Package deps guards who imports whom. It holds no code: the map and the rules are in its test.
package deps
