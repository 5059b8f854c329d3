package store_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/origin/store"
	"github.com/stagecast/stagecast/origin/store/storetest"
)

// settled waits until all that was appended is on disk.
func settled(t *testing.T, s *store.Tiered) {
	t.Helper()
	require.NoError(t, s.Sync(context.Background()))
}

func number(n int) store.Key {
	return store.Key{Stream: "live", Rendition: "720p", Name: fmt.Sprint(n)}
}

// The bubble's clock stands still while a file is written: only what waits makes it go on.
func TestMemoryHoldsWhatIsNewAndTheDiskTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := openDisk(t, store.DiskConfig{})
		s, stop := tier(t, store.TieredConfig{Hot: 10 * time.Second}, disk)
		defer stop()
		for n := range 30 {
			require.NoError(t, s.Append(number(n), 0, []byte("0123456789")))
			settled(t, s)
			time.Sleep(time.Second)
		}
		require.LessOrEqual(t, s.Stats().Held, int64(120))
		require.GreaterOrEqual(t, s.Stats().Held, int64(90))
		require.Equal(t, int64(300), disk.Used())
		for n := range 30 {
			got, err := storetest.Read(s, number(n), 2, 5)
			require.NoError(t, err)
			require.Equal(t, "23456", string(got))
		}
		require.NoError(t, s.Append(number(3), 10, []byte("an object that is on disk alone goes on")))
		settled(t, s)
		require.Zero(t, s.Stats().Waiting)
	})
}

func TestDiskThatHangsIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faulty := &storetest.Faulty{Store: openDisk(t, store.DiskConfig{})}
		s, stop := tier(t, store.TieredConfig{}, faulty)
		release := faulty.Hang()
		require.NoError(t, s.Append(number(1), 0, []byte("first")))
		patience, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, s.Sync(patience), store.ErrBehind)
		require.Equal(t, 100*time.Millisecond, time.Since(began))
		for n := 2; n < 300; n++ {
			require.NoError(t, s.Append(number(n), 0, []byte("more")))
			began := time.Now()
			require.ErrorIs(t, s.Sync(context.Background()), store.ErrBehind)
			require.Zero(t, time.Since(began), "only the first has waited")
			time.Sleep(100 * time.Millisecond)
		}
		require.ErrorIs(t, s.Stats().Behind, store.ErrBehind)
		require.Equal(t, int64(1), s.Stats().Late)
		time.Sleep(time.Minute)
		got, err := storetest.Read(s, number(1), 0, 5)
		require.NoError(t, err, "what the disk has not taken stays in memory")
		require.Equal(t, "first", string(got))

		release()
		time.Sleep(11 * time.Second)
		settled(t, s)
		require.NoError(t, s.Stats().Behind)
		require.Zero(t, s.Stats().Waiting)
		infos, err := faulty.List()
		require.NoError(t, err)
		require.Len(t, infos, 299, "everything is on disk in the end")
		stop()
	})
}

// An object whose beginning is on disk is read whole while the disk does not take its end.
func TestObjectIsReadWholeWhileTheDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faulty := &storetest.Faulty{Store: openDisk(t, store.DiskConfig{})}
		s, stop := tier(t, store.TieredConfig{}, faulty)
		require.NoError(t, s.Append(number(1), 0, []byte("first ")))
		settled(t, s)
		release := faulty.Hang()
		require.NoError(t, s.Append(number(1), 6, []byte("second")))
		time.Sleep(time.Minute)
		got, err := storetest.Read(s, number(1), 0, 12)
		require.NoError(t, err)
		require.Equal(t, "first second", string(got))
		release()
		stop()
	})
}

func TestDiskThatHangsForeverDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faulty := &storetest.Faulty{Store: openDisk(t, store.DiskConfig{})}
		s, stop := tier(t, store.TieredConfig{}, faulty)
		release := faulty.Hang()
		require.NoError(t, s.Append(number(1), 0, []byte("first")))
		synctest.Wait()
		stop()
		release()
	})
}

func TestMemoryIsBoundedWhileTheDiskTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faulty := &storetest.Faulty{Store: openDisk(t, store.DiskConfig{})}
		s, stop := tier(t, store.TieredConfig{Memory: 1000}, faulty)
		defer stop()
		faulty.Fail(syscall.ENOSPC, nil)
		for n := range 500 {
			require.NoError(t, s.Append(number(n), 0, make([]byte, 10)))
			require.LessOrEqual(t, s.Stats().Held, int64(1000))
			time.Sleep(10 * time.Millisecond)
		}
		_, err := storetest.Read(s, number(0), 0, 10)
		require.ErrorIs(t, err, store.ErrNotFound, "the oldest has gone")
		_, err = storetest.Read(s, number(499), 0, 10)
		require.NoError(t, err)
		require.Greater(t, s.Stats().Lost, int64(300))
		require.ErrorIs(t, s.Stats().Behind, syscall.ENOSPC)

		faulty.Fail(nil, nil)
		time.Sleep(20 * time.Second)
		require.Zero(t, s.Stats().Waiting)
		require.NoError(t, s.Stats().Behind)
	})
}

func TestFullDiskIsTriedAgainUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := openDisk(t, store.DiskConfig{Cap: 100})
		s, stop := tier(t, store.TieredConfig{}, disk)
		defer stop()
		for n := range 15 {
			require.NoError(t, s.Append(number(n), 0, make([]byte, 10)))
		}
		time.Sleep(time.Minute)
		require.ErrorIs(t, s.Sync(context.Background()), store.ErrBehind)
		require.ErrorIs(t, s.Stats().Behind, store.ErrFull)
		require.Equal(t, int64(100), disk.Used())
		require.Equal(t, int64(50), s.Stats().Waiting)
		for n := range 5 {
			require.NoError(t, s.Remove(number(n)))
		}
		time.Sleep(20 * time.Second)
		settled(t, s)
		require.Equal(t, int64(100), disk.Used())
		require.Zero(t, s.Stats().Lost)
		for n := 5; n < 15; n++ {
			_, err := storetest.Read(disk, number(n), 0, 10)
			require.NoError(t, err)
		}
	})
}

func TestObjectThatTheDiskFailsStaysInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := openDisk(t, store.DiskConfig{})
		faulty := &storetest.Faulty{Store: disk}
		s, stop := tier(t, store.TieredConfig{}, faulty)
		defer stop()
		faulty.Fail(syscall.EIO, func(k store.Key) bool { return k == number(1) })
		for n := range 3 {
			require.NoError(t, s.Append(number(n), 0, []byte("something")))
		}
		time.Sleep(time.Minute)
		got, err := storetest.Read(s, number(1), 0, 9)
		require.NoError(t, err)
		require.Equal(t, "something", string(got))
		require.ErrorIs(t, s.Append(number(1), 9, []byte(" more")), store.ErrLost)
		got, err = storetest.Read(s, number(1), 0, 14)
		require.NoError(t, err)
		require.Equal(t, "something more", string(got))
		_, err = storetest.Read(disk, number(2), 0, 9)
		require.NoError(t, err, "the others go on")
		require.Equal(t, int64(1), s.Stats().Lost)
		require.NoError(t, s.Remove(number(1)))
		require.NoError(t, s.Append(number(4), 0, []byte("x")))
		time.Sleep(time.Minute)
		require.Zero(t, s.Stats().Waiting)
		require.Zero(t, s.Stats().Held)
	})
}

// A half-written part is written again in its place.
func TestPassingErrorLeavesNoTrace(t *testing.T) {
	for _, failure := range []error{syscall.EIO, syscall.ENOSPC, errors.New("anything")} {
		synctest.Test(t, func(t *testing.T) {
			disk := openDisk(t, store.DiskConfig{})
			faulty := &storetest.Faulty{Store: disk}
			s, stop := tier(t, store.TieredConfig{}, faulty)
			defer stop()
			require.NoError(t, s.Append(number(1), 0, []byte("first ")))
			settled(t, s)
			faulty.Fail(failure, nil)
			require.NoError(t, s.Append(number(1), 6, []byte("second ")))
			require.NoError(t, s.Append(number(1), 13, []byte("third")))
			synctest.Wait()
			faulty.Fail(nil, nil)
			time.Sleep(11 * time.Second)
			settled(t, s)
			got, err := storetest.Read(disk, number(1), 0, 18)
			require.NoError(t, err)
			require.Equal(t, "first second third", string(got))
		})
	}
}

// BenchmarkTier is what a part costs from the hands of the packager to the disk.
func BenchmarkTier(b *testing.B) {
	s, stop := tier(b, store.TieredConfig{}, openDisk(b, store.DiskConfig{}))
	defer stop()
	part := make([]byte, 3_000_000/8/2)
	b.SetBytes(int64(len(part)))
	for i := 0; b.Loop(); i++ {
		k := number(i / 4)
		if i%4 == 0 {
			require.NoError(b, s.Remove(number(i/4-8)))
		}
		require.NoError(b, s.Append(k, int64(i%4*len(part)), part))
		_ = s.Sync(context.Background())
	}
}
