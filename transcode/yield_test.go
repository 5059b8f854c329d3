package transcode

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/media"
)

func TestRungsOfNoHigherPriorityCouldBeGivenUp(t *testing.T) {
	f := newFloor(t, machine(150))
	require.Equal(t, "cpu 720p 480p 240p", f.admit("a"))
	require.Equal(t, "cpu 480p 240p", f.admit("b"))
	hd := picture(1920, 1080, fps(30, 1))
	require.True(t, f.couldYield("new", hd, 0, nil))
	require.False(t, f.couldYield("new", hd, -1, nil), "those go first")
	f.prioritize("b", 1)
	require.True(t, f.couldYield("new", hd, 0, nil), "one is enough")
	starting := map[string]*media.Track{"a": hd, "c": hd}
	require.False(t, f.couldYield("new", hd, 0, starting), "another is about to start")
	delete(starting, "c")
	require.True(t, f.couldYield("new", hd, 0, starting), "it is known what that one takes")

	require.Equal(t, "waiting for a rung of stream a", f.admit("c"))
	require.False(t, f.couldYield("new", hd, 0, nil), "another waits for it already")
}

func TestLowestRungsAreNotGivenUp(t *testing.T) {
	f := newFloor(t, machine(70))
	require.Equal(t, "cpu 240p", f.admit("a"))
	require.False(t, f.couldYield("new", picture(1920, 1080, fps(30, 1)), 9, nil))
}
