package nginxconf

import (
	"math"
	"strconv"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// atoi reads digits only, as ngx_atoi does.
func atoi(s string) (int, bool) {
	n, ok := digits(s)
	return int(n), ok
}

func digits(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		if n > (math.MaxInt64-int64(c-'0'))/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// fixed reads "12.34" as 1234 with point 2, as ngx_atofp does.
func fixed(s string, point int) (int, bool) {
	if s == "" {
		return 0, false
	}
	n, dot := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if point == 0 {
			return 0, false
		}
		if c == '.' {
			if dot {
				return 0, false
			}
			dot = true
			continue
		}
		if c < '0' || c > '9' || n > (math.MaxInt-9)/10 {
			return 0, false
		}
		n = n*10 + int(c-'0')
		if dot {
			point--
		}
	}
	for ; point > 0; point-- {
		if n > math.MaxInt/10 {
			return 0, false
		}
		n *= 10
	}
	return n, true
}

// parseSize reads a number with an optional k or m.
// See: http://nginx.org/en/docs/syntax.html
func parseSize(s string) (int64, bool) { return scaled(s, "km") }

// ParseSize reads a size as the configuration gives it: "10m".
func ParseSize(s string) (int64, bool) { return parseSize(s) }

// parseOffset reads a number with an optional k, m or g.
func parseOffset(s string) (int64, bool) { return scaled(s, "kmg") }

func scaled(s, units string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	scale := int64(1)
	last := s[len(s)-1] | 0x20
	for i := 0; i < len(units); i++ {
		if last == units[i] {
			scale = 1 << (10 * (i + 1))
			s = s[:len(s)-1]
			break
		}
	}
	n, ok := digits(s)
	if !ok || n > math.MaxInt64/scale {
		return 0, false
	}
	return n * scale, true
}

// parseMsec reads a time in milliseconds, "1m30s"; without a unit, seconds.
func parseMsec(s string) (time.Duration, bool) {
	n, ok := parseTime(s, false)
	if n > math.MaxInt64/int64(time.Millisecond) {
		n = math.MaxInt64 / int64(time.Millisecond)
	}
	return time.Duration(n) * time.Millisecond, ok
}

// parseSec reads a time in seconds.
func parseSec(s string) (time.Duration, bool) {
	n, ok := parseTime(s, true)
	if n > math.MaxInt64/int64(time.Second) {
		n = math.MaxInt64 / int64(time.Second)
	}
	return time.Duration(n) * time.Second, ok
}

// The units of time in descending order; each may follow only greater ones.
const (
	stepStart = iota
	stepYear
	stepMonth
	stepWeek
	stepDay
	stepHour
	stepMin
	stepSec
	stepMsec
	stepLast
)

var timeUnits = map[byte]struct {
	step  int
	scale int64
}{
	'y': {stepYear, 60 * 60 * 24 * 365}, 'M': {stepMonth, 60 * 60 * 24 * 30}, 'w': {stepWeek, 60 * 60 * 24 * 7},
	'd': {stepDay, 60 * 60 * 24}, 'h': {stepHour, 60 * 60}, 'm': {stepMin, 60}, 's': {stepSec, 1}, ' ': {stepLast, 1},
}

// parseTime is ngx_parse_time. Years and months count only in seconds.
func parseTime(s string, isSec bool) (int64, bool) {
	var total, value int64
	valid := false
	step := stepMonth
	if isSec {
		step = stepStart
	}
	for i := 0; i < len(s); {
		c := s[i]
		i++
		if c >= '0' && c <= '9' {
			if value > (math.MaxInt64-int64(c-'0'))/10 {
				return 0, false
			}
			value = value*10 + int64(c-'0')
			valid = true
			continue
		}
		u, ok := timeUnits[c]
		if !ok {
			return 0, false
		}
		if c == 'm' && i < len(s) && s[i] == 's' {
			if isSec || step >= stepMsec {
				return 0, false
			}
			i++
			u.step, u.scale = stepMsec, 1
		} else {
			limit := u.step
			if c == ' ' {
				limit = stepSec
			}
			if step >= limit {
				return 0, false
			}
		}
		step = u.step
		if step != stepMsec && !isSec {
			u.scale *= 1000
		}
		if value > math.MaxInt64/u.scale || total > math.MaxInt64-value*u.scale {
			return 0, false
		}
		total += value * u.scale
		value = 0
		for i < len(s) && s[i] == ' ' {
			i++
		}
	}
	if !valid {
		return 0, false
	}
	if !isSec {
		if value > math.MaxInt64/1000 {
			return 0, false
		}
		value *= 1000
	}
	if total > math.MaxInt64-value {
		return 0, false
	}
	return total + value, true
}
