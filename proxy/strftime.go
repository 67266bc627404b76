package proxy

import (
	"strconv"
	"time"
)

// strftime formats a time as the C function does, in the C locale.
func strftime(format string, t time.Time) string {
	var b []byte
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b = append(b, format[i])
			continue
		}
		i++
		if layout, found := strftimeLayouts[format[i]]; found {
			b = t.AppendFormat(b, layout)
			continue
		}
		switch format[i] {
		case '%':
			b = append(b, '%')
		case 'n':
			b = append(b, '\n')
		case 't':
			b = append(b, '\t')
		case 's':
			b = strconv.AppendInt(b, t.Unix(), 10)
		case 'j':
			b = append(b, pad(t.YearDay(), 3, '0')...)
		case 'C':
			b = append(b, pad(t.Year()/100, 2, '0')...)
		case 'e':
			b = append(b, pad(t.Day(), 2, ' ')...)
		case 'k':
			b = append(b, pad(t.Hour(), 2, ' ')...)
		case 'l':
			b = append(b, pad((t.Hour()+11)%12+1, 2, ' ')...)
		case 'u':
			b = append(b, byte('0'+(int(t.Weekday())+6)%7+1))
		case 'w':
			b = append(b, byte('0'+int(t.Weekday())))
		case 'U':
			b = append(b, pad((t.YearDay()+6-int(t.Weekday()))/7, 2, '0')...)
		case 'W':
			b = append(b, pad((t.YearDay()+6-(int(t.Weekday())+6)%7)/7, 2, '0')...)
		case 'V':
			_, w := t.ISOWeek()
			b = append(b, pad(w, 2, '0')...)
		case 'G':
			y, _ := t.ISOWeek()
			b = strconv.AppendInt(b, int64(y), 10)
		case 'g':
			y, _ := t.ISOWeek()
			b = append(b, pad(y%100, 2, '0')...)
		default:
			b = append(b, '%', format[i])
		}
	}
	return string(b)
}

var strftimeLayouts = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'P': "pm",
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'Z': "MST", 'z': "-0700",
	'D': "01/02/06", 'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04", 'r': "03:04:05 PM",
	'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05",
}

func pad(n, width int, with byte) []byte {
	b := strconv.AppendInt(nil, int64(n), 10)
	for len(b) < width {
		b = append([]byte{with}, b...)
	}
	return b
}
