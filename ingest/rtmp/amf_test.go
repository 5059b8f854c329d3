package rtmp

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/yutopp/go-amf0"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
)

func decodeAMF(b []byte) ([]any, error) {
	r := amfReader{data: b}
	return r.all()
}

func TestAMFValues(t *testing.T) {
	cases := map[string]struct {
		bytes string
		want  any
	}{
		"number":                     {"\x00\x40\x04\x00\x00\x00\x00\x00\x00", 2.5},
		"boolean":                    {"\x01\x01", true},
		"string":                     {"\x02\x00\x02hi", "hi"},
		"empty string":               {"\x02\x00\x00", ""},
		"object":                     {"\x03\x00\x01a\x01\x00\x00\x00\x09", object{{"a", false}}},
		"object without its end":     {"\x03\x00\x01a\x05", object{{"a", nil}}},
		"object with an empty name":  {"\x03\x00\x00\x01\x01\x00\x00\x09", object{{"", true}}},
		"null":                       {"\x05", nil},
		"undefined":                  {"\x06", nil},
		"reference":                  {"\x07\x00\x01", nil},
		"ECMA array, count ignored":  {"\x08\xff\xff\xff\xff\x00\x01a\x05\x00\x00\x09", object{{"a", nil}}},
		"strict array":               {"\x0a\x00\x00\x00\x02\x05\x01\x01", []any{nil, true}},
		"date":                       {"\x0b\x3f\xf0\x00\x00\x00\x00\x00\x00\x00\x00", 1.0},
		"long string":                {"\x0c\x00\x00\x00\x02hi", "hi"},
		"unsupported":                {"\x0d", nil},
		"XML":                        {"\x0f\x00\x00\x00\x02hi", "hi"},
		"object of a class":          {"\x10\x00\x01C\x00\x01a\x05\x00\x00\x09", object{{"a", nil}}},
		"deep, but within the bound": {strings.Repeat("\x0a\x00\x00\x00\x01", 15) + "\x05", nested(15)},
	}
	for name, c := range cases {
		got, err := decodeAMF([]byte(c.bytes))
		require.NoError(t, err, name)
		require.Equal(t, []any{c.want}, got, name)
	}
}

func nested(depth int) any {
	if depth == 0 {
		return nil
	}
	return []any{nested(depth - 1)}
}

func TestAMFBombs(t *testing.T) {
	array := func(n uint32) string { return "\x0a" + string(binary.BigEndian.AppendUint32(nil, n)) }
	cases := map[string]string{
		"arrays in arrays":          strings.Repeat(array(1), 10_000),
		"objects in objects":        strings.Repeat("\x03\x00\x01a", 10_000),
		"ECMA arrays":               strings.Repeat("\x08\x00\x00\x00\x01\x00\x00", 10_000),
		"an array of four billion":  array(math.MaxUint32),
		"the same, filled":          array(math.MaxUint32) + strings.Repeat("\x05", 60_000),
		"a flat flood":              strings.Repeat("\x05", 60_000),
		"an object with many names": "\x03" + strings.Repeat("\x00\x01a\x05", 15_000),
		"a long string of 4 GiB":    "\x0c\xff\xff\xff\xff",
		"a short string cut off":    "\x02\xff\xffabc",
		"a number cut off":          "\x00\x00",
		"an AMF3 value":             "\x11\x0a",
		"an end out of place":       "\x09",
	}
	for name, bomb := range cases {
		t.Run(name, func(t *testing.T) {
			data := []byte(bomb)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := decodeAMF(data)
			runtime.ReadMemStats(&after)
			require.Error(t, err)
			require.Equal(t, ingest.ReasonBadMessage, ingest.ReasonOf(err))
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(256<<10), "memory for %d bytes", len(bomb))
		})
	}
}

func TestWhatWeEncodeOthersRead(t *testing.T) {
	b := appendAMF(nil, "_result", 1.0, nil, object{{"code", "x"}, {"list", []any{"avc1", 2.0}}, {"map", object{{"hvc1", 5.0}}}})
	d := amf0.NewDecoder(bytes.NewReader(b))
	for _, want := range []any{"_result", 1.0, nil, rtmptest.Object{
		"code": "x", "list": []any{"avc1", 2.0}, "map": rtmptest.Object{"hvc1": 5.0},
	}} {
		var got any
		require.NoError(t, d.Decode(&got))
		require.Equal(t, want, got)
	}
	own, err := decodeAMF(b)
	require.NoError(t, err)
	require.Equal(t, "x", own[3].(object).text("code"))
}

func FuzzAMF(f *testing.F) {
	f.Add(rtmptest.AMF("connect", 1.0, rtmptest.Object{"app": "live"}))
	f.Add([]byte("\x08\x00\x00\x00\x01\x00\x01a\x0a\x00\x00\x00\x01\x05\x00\x00\x09"))
	f.Add([]byte(strings.Repeat("\x0a\x00\x00\x00\x40", 16)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := amfReader{data: b}
		_, err := r.all()
		if r.items > maxAMFItems+1 {
			t.Fatalf("%d items", r.items)
		}
		if err != nil && ingest.ReasonOf(err) != ingest.ReasonBadMessage {
			t.Fatalf("no reason: %v", err)
		}
		parseMetadata(message{typeID: typeData, payload: b})
		parseCommand(message{typeID: typeCommandAMF3, payload: b})
	})
}
