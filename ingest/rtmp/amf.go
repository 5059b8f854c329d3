package rtmp

import (
	"encoding/binary"
	"math"

	"github.com/stagecast/stagecast/ingest"
)

// The type markers of AMF0 (Action Message Format, AMF 0, section 2.1).
const (
	amfNumber      = 0x00
	amfBoolean     = 0x01
	amfString      = 0x02
	amfObject      = 0x03
	amfNull        = 0x05
	amfUndefined   = 0x06
	amfReference   = 0x07
	amfECMAArray   = 0x08
	amfObjectEnd   = 0x09
	amfStrictArray = 0x0A
	amfDate        = 0x0B
	amfLongString  = 0x0C
	amfUnsupported = 0x0D
	amfXML         = 0x0F
	amfTypedObject = 0x10
)

// The bounds on what one message may hold. Encoders send some thirty values, two deep.
const (
	maxAMFDepth = 16
	maxAMFItems = 1024
)

// object is an AMF0 object or ECMA array: its members in order. A value is a float64, bool, string, object, []any or nil.
type object []member

type member struct {
	name  string
	value any
}

// text is the member's value where that is a string, else empty.
func (o object) text(name string) string {
	s, _ := o.get(name).(string)
	return s
}

func (o object) get(name string) any {
	for i := range o {
		if o[i].name == name {
			return o[i].value
		}
	}
	return nil
}

// amfReader decodes AMF0. No length or count in the data is believed: memory is taken for what is there.
//
// Its errors are *ingest.Error with ReasonBadMessage.
type amfReader struct {
	data  []byte
	items int
}

// all decodes every value of a message.
func (r *amfReader) all() ([]any, error) {
	var values []any
	for len(r.data) > 0 {
		v, err := r.value(1)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

func (r *amfReader) value(depth int) (any, error) {
	if err := r.count(depth); err != nil {
		return nil, err
	}
	marker, err := r.take(1)
	if err != nil {
		return nil, err
	}
	switch marker[0] {
	case amfNumber, amfDate:
		return r.number(marker[0] == amfDate)
	case amfBoolean:
		b, err := r.take(1)
		return err == nil && b[0] != 0, err
	case amfString:
		return r.str()
	case amfLongString, amfXML:
		return r.longString()
	case amfNull, amfUndefined, amfUnsupported:
		return nil, nil
	case amfReference: // to an object of the same message: nothing that we read is sent so
		_, err := r.take(2)
		return nil, err
	case amfObject, amfECMAArray, amfTypedObject:
		return r.object(marker[0], depth)
	case amfStrictArray:
		return r.array(depth)
	}
	return nil, ingest.Errorf(ingest.ReasonBadMessage, "AMF0 type %#02x", marker[0])
}

func (r *amfReader) count(depth int) error {
	if depth > maxAMFDepth {
		return ingest.Errorf(ingest.ReasonBadMessage, "AMF0 nested deeper than %d", maxAMFDepth)
	}
	if r.items++; r.items > maxAMFItems {
		return ingest.Errorf(ingest.ReasonBadMessage, "AMF0 of more than %d items", maxAMFItems)
	}
	return nil
}

func (r *amfReader) take(n int) ([]byte, error) {
	if n > len(r.data) {
		return nil, ingest.Errorf(ingest.ReasonBadMessage, "AMF0 cut off")
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b, nil
}

// number reads a number, or a date: a number and a time zone that is always zero.
func (r *amfReader) number(date bool) (float64, error) {
	b, err := r.take(8)
	if err == nil && date {
		_, err = r.take(2)
	}
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

func (r *amfReader) str() (string, error) {
	n, err := r.take(2)
	if err != nil {
		return "", err
	}
	b, err := r.take(int(binary.BigEndian.Uint16(n)))
	return string(b), err
}

func (r *amfReader) longString() (string, error) {
	n, err := r.take(4)
	if err != nil {
		return "", err
	}
	b, err := r.take(int(binary.BigEndian.Uint32(n)))
	return string(b), err
}

// object reads members up to the end marker, or to the end of the message: some encoders leave the last marker out.
func (r *amfReader) object(marker byte, depth int) (object, error) {
	var err error
	switch marker {
	case amfECMAArray:
		_, err = r.take(4) // the count, a hint by the standard's own word
	case amfTypedObject:
		_, err = r.str() // the class
	}
	o := object{}
	for err == nil && len(r.data) > 0 {
		var m member
		if m.name, err = r.str(); err != nil {
			break
		}
		if m.name == "" && len(r.data) > 0 && r.data[0] == amfObjectEnd {
			r.data = r.data[1:]
			break
		}
		if m.value, err = r.value(depth + 1); err == nil {
			o = append(o, m)
		}
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

func (r *amfReader) array(depth int) ([]any, error) {
	n, err := r.take(4)
	if err != nil {
		return nil, err
	}
	values := []any{}
	for range binary.BigEndian.Uint32(n) {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}
