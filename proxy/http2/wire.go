package http2

import "encoding/binary"

// Preface is what a client's side of a connection begins with.
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// FrameType is the type of a frame.
type FrameType uint8

// The frame types of RFC 9113.
const (
	FrameData FrameType = iota
	FrameHeaders
	FramePriority
	FrameRSTStream
	FrameSettings
	FramePushPromise
	FramePing
	FrameGoAway
	FrameWindowUpdate
	FrameContinuation
)

// The flags of frames.
const (
	FlagAck        = 0x1
	FlagEndStream  = 0x1
	FlagEndHeaders = 0x4
	FlagPadded     = 0x8
	FlagPriority   = 0x20
)

// Code is an error code of RST_STREAM and GOAWAY.
type Code uint32

// The error codes that a server sends or names in its log.
const (
	NoError            Code = 0x0
	ProtocolError      Code = 0x1
	InternalError      Code = 0x2
	FlowControlError   Code = 0x3
	StreamClosed       Code = 0x5
	FrameSizeError     Code = 0x6
	RefusedStream      Code = 0x7
	Cancel             Code = 0x8
	CompressionError   Code = 0x9
	EnhanceYourCalm    Code = 0xb
	InadequateSecurity Code = 0xc
)

// Setting is the identifier of a SETTINGS parameter.
type Setting uint16

// The parameters of RFC 9113.
const (
	SettingHeaderTableSize   Setting = 0x1
	SettingEnablePush        Setting = 0x2
	SettingMaxStreams        Setting = 0x3
	SettingInitialWindowSize Setting = 0x4
	SettingMaxFrameSize      Setting = 0x5
)

// Sizes that the protocol fixes.
const (
	FrameHeaderSize  = 9
	DefaultWindow    = 65535
	MaxWindow        = 1<<31 - 1
	DefaultFrameSize = 1 << 14
	MaxFrameSize     = 1<<24 - 1
)

// FrameHeader is the head of a frame.
type FrameHeader struct {
	Length int
	Type   FrameType
	Flags  uint8
	Stream uint32
}

// ParseFrameHeader reads the 9 bytes of a frame's head.
func ParseFrameHeader(b []byte) FrameHeader {
	_ = b[8]
	return FrameHeader{Length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]), Type: FrameType(b[3]), Flags: b[4],
		Stream: binary.BigEndian.Uint32(b[5:]) & 0x7fffffff}
}

// AppendFrameHeader appends a frame's head.
func AppendFrameHeader(b []byte, length int, t FrameType, flags uint8, stream uint32) []byte {
	return append(b, byte(length>>16), byte(length>>8), byte(length), byte(t), flags,
		byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream))
}

// AppendSetting appends one parameter of a SETTINGS frame.
func AppendSetting(b []byte, id Setting, value uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, byte(id>>8), byte(id)), value)
}

// AppendWindowUpdate appends a WINDOW_UPDATE frame.
func AppendWindowUpdate(b []byte, stream, increment uint32) []byte {
	return binary.BigEndian.AppendUint32(AppendFrameHeader(b, 4, FrameWindowUpdate, 0, stream), increment)
}

// AppendRSTStream appends a RST_STREAM frame.
func AppendRSTStream(b []byte, stream uint32, code Code) []byte {
	return binary.BigEndian.AppendUint32(AppendFrameHeader(b, 4, FrameRSTStream, 0, stream), uint32(code))
}

// AppendGoAway appends a GOAWAY frame.
func AppendGoAway(b []byte, last uint32, code Code) []byte {
	b = AppendFrameHeader(b, 8, FrameGoAway, 0, 0)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, last), uint32(code))
}

// AppendHeaders appends a header block as HEADERS and, where it is longer
// than a frame may be, CONTINUATION frames.
func AppendHeaders(b, block []byte, stream uint32, endStream bool, frameSize int) []byte {
	t, flags := FrameHeaders, uint8(0)
	if endStream {
		flags = FlagEndStream
	}
	for {
		n := min(len(block), frameSize)
		if n == len(block) {
			flags |= FlagEndHeaders
		}
		b = append(AppendFrameHeader(b, n, t, flags, stream), block[:n]...)
		if block = block[n:]; len(block) == 0 {
			return b
		}
		t, flags = FrameContinuation, 0
	}
}
