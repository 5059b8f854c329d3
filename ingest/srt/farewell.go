package srt

import (
	"sync"
	"sync/atomic"

	gosrt "github.com/datarhei/gosrt"
)

// shutdownTopic is what gosrt logs a peer's goodbye under.
const shutdownTopic = "control:recv:shutdown:dump"

// farewells tells connections whose peer has said goodbye from those that only fell silent: a connection of gosrt ends the
// same way for both, and tells its log alone. It is a gosrt.Logger that writes nothing.
type farewells struct {
	open sync.Map // socket ID -> *atomic.Bool
}

// watch begins to listen for a connection's goodbye. The caller must forget it.
func (f *farewells) watch(socket uint32) *atomic.Bool {
	said := &atomic.Bool{}
	f.open.Store(socket, said)
	return said
}

func (f *farewells) forget(socket uint32) { f.open.Delete(socket) }

// Print implements gosrt.Logger.
func (f *farewells) Print(topic string, socket uint32, _ int, _ func() string) {
	if topic != shutdownTopic {
		return
	}
	if said, ok := f.open.Load(socket); ok {
		said.(*atomic.Bool).Store(true)
	}
}

// HasTopic implements gosrt.Logger.
func (f *farewells) HasTopic(string) bool { return false }

// Listen implements gosrt.Logger.
func (f *farewells) Listen() <-chan gosrt.Log { return nil }

// Close implements gosrt.Logger.
func (f *farewells) Close() {}
