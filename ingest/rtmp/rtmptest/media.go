package rtmptest

// The decoder configurations of a 320×180 H.264 picture and of AAC, as x264 and ffmpeg write them.
var (
	AVCConfig = []byte{
		0x01, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0x00, 0x17, 0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x06, 0x7e, 0x7c, 0x04, 0x40, 0x00,
		0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0f, 0x03, 0xc5, 0x0a, 0xa8, 0x01, 0x00, 0x04, 0x68, 0xce, 0x0f, 0xc8,
	}
	AACConfig = []byte{0x11, 0x90} // LC, 48 kHz, stereo
)

// Video is a video tag's payload in a message.
func Video(at uint32, payload ...byte) Message {
	return Message{Chunks: 4, Type: 9, Stream: 1, Timestamp: at, Payload: payload}
}

// Audio is an audio tag's payload in a message.
func Audio(at uint32, payload ...byte) Message {
	return Message{Chunks: 6, Type: 8, Stream: 1, Timestamp: at, Payload: payload}
}

// AVCHeader is the sequence header of AVCConfig in FLV's form.
func AVCHeader() Message { return Video(0, append([]byte{0x17, 0, 0, 0, 0}, AVCConfig...)...) }

// AACHeader is the sequence header of AACConfig in FLV's form.
func AACHeader() Message { return Audio(0, append([]byte{0xAF, 0}, AACConfig...)...) }

// Picture is an H.264 picture of one slice in FLV's form, of size bytes.
func Picture(at uint32, key bool, size int) Message {
	first, header := byte(0x27), byte(0x41)
	if key {
		first, header = 0x17, 0x65
	}
	b := append([]byte{first, 1, 0, 0, 0}, NAL(append([]byte{header}, make([]byte, size)...)...)...)
	return Video(at, b...)
}

// Sound is an AAC frame in FLV's form, of size bytes.
func Sound(at uint32, size int) Message {
	return Audio(at, append([]byte{0xAF, 1}, make([]byte, size)...)...)
}

// NAL puts a 4-byte length before a NAL unit.
func NAL(unit ...byte) []byte {
	n := len(unit)
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, unit...)
}
