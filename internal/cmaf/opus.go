package cmaf

// OpusConfig makes the body of an OpusSpecificBox (Opus in ISOBMFF, 4.3.2) for one or two channels, of a stream without a
// header of its own. It tells no pre-skip: who joins a live stream has no beginning to skip.
func OpusConfig(channels int) []byte {
	return []byte{0, byte(channels), 0, 0, 0, 0, 0xBB, 0x80, 0, 0, 0} // 48 kHz
}
