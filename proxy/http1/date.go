package http1

import (
	"strconv"
	"sync/atomic"
	"time"
)

// Dates are the texts of one second.
type Dates struct {
	// Unix is the second they stand for.
	Unix int64
	// HTTP is for Date fields: "Sun, 22 Nov 2026 21:16:30 GMT".
	HTTP string
	// Log is $time_local: "22/Nov/2026:21:16:30 +0000".
	Log string
	// ISO is $time_iso8601: "2026-11-22T21:16:30+00:00".
	ISO string
	// Error is for error_log: "2026/11/22 21:16:30".
	Error string
	// DateLine is the whole field line, with its line end.
	DateLine string
}

// A DateCache formats each second once, whoever asks. The zero value is
// ready; it is safe for concurrent use.
type DateCache struct{ p atomic.Pointer[Dates] }

// At returns the texts for t's second. It costs a load and a comparison
// unless the second is a new one.
func (c *DateCache) At(t time.Time) *Dates {
	sec := t.Unix()
	if d := c.p.Load(); d != nil && d.Unix == sec {
		return d
	}
	d := newDates(t)
	if old := c.p.Load(); old == nil || old.Unix < sec {
		c.p.CompareAndSwap(old, d)
	}
	return d
}

func newDates(t time.Time) *Dates {
	local := t.Local()
	d := &Dates{
		Unix:  t.Unix(),
		HTTP:  string(AppendDate(nil, t)),
		Log:   local.Format("02/Jan/2006:15:04:05 -0700"),
		ISO:   local.Format("2006-01-02T15:04:05-07:00"),
		Error: local.Format("2006/01/02 15:04:05"),
	}
	d.DateLine = "Date: " + d.HTTP + "\r\n"
	return d
}

const (
	dayNames   = "SunMonTueWedThuFriSat"
	monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"
)

// AppendDate appends the date of HTTP: ngx_http_time.
func AppendDate(dst []byte, t time.Time) []byte {
	t = t.UTC()
	wd, mon := int(t.Weekday())*3, (int(t.Month())-1)*3
	dst = append(dst, dayNames[wd:wd+3]...)
	dst = append(dst, ',', ' ')
	dst = append2(dst, t.Day())
	dst = append(dst, ' ')
	dst = append(dst, monthNames[mon:mon+3]...)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(t.Year()), 10)
	dst = append(dst, ' ')
	dst = append2(dst, t.Hour())
	dst = append(dst, ':')
	dst = append2(dst, t.Minute())
	dst = append(dst, ':')
	dst = append2(dst, t.Second())
	return append(dst, " GMT"...)
}

// AppendCookieDate appends the date of a cookie's expires: ngx_http_cookie_time.
func AppendCookieDate(dst []byte, t time.Time) []byte {
	t = t.UTC()
	wd, mon := int(t.Weekday())*3, (int(t.Month())-1)*3
	dst = append(dst, dayNames[wd:wd+3]...)
	dst = append(dst, ',', ' ')
	dst = append2(dst, t.Day())
	dst = append(dst, '-')
	dst = append(dst, monthNames[mon:mon+3]...)
	dst = append(dst, '-')
	if y := t.Year(); y > 2037 {
		dst = strconv.AppendInt(dst, int64(y), 10)
	} else {
		dst = append2(dst, y%100)
	}
	return t.AppendFormat(dst, " 15:04:05 GMT")
}

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }
