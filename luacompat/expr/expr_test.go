package expr

import (
	"testing"
)

// TestEval: expressions mean what they mean in Lua.
func TestEval(t *testing.T) {
	for text, want := range map[string]string{
		"1 == '1'": "false", "'a' .. 1 .. 2.5": "a12.5", "'10' + 5": "15", "10 % 3": "1", "-7 % 3": "2", "7 / 2": "3.5",
		"nil ?? 'x'": "x", "false ?? 'x'": "false", "false or 'x'": "x", "nil and 1": "nil", "0 and 'zero is true'": "zero is true",
		"not nil": "true", "null == nil": "false", "null ? 1 : 2": "1", "nil ? 1 : 2": "2", "1 < 2 and 'a' < 'b'": "true",
		"#'abc' * 2": "6", "sub('hello', 2, -2)": "ell", "sub('hello', -3)": "llo", "tonumber(' 0x10 ')": "16", "tonumber('1e')": "nil",
		"tonumber('')": "nil", "find('a.b', '.', 1, true)": "2", "find('abc', 'b')": "2", "find('10.1', '^10%.')": "1", "find('110.1', '^10%.')": "nil", "find('a-b', 'a%-b')": "1", "find('a-b', 'a-b')": "3",
		"find('x^y', 'x^y')": "1", "match('uid=42;', 'uid=(%d+)')": "42",
		"match('x', '%d')": "nil", "in('b', 'a', 'b')": "true", "in(1, '1')": "false", "within('10.2.3.4', '10.0.0.0/8')": "true",
		"within('::ffff:10.2.3.4', '10.0.0.0/8')": "true", "within('x', '10.0.0.0/8')": "false", "matches('Beta', '^be', 'i')": "true",
		"crc32('abc')": "891568578", "md5('')": "d41d8cd98f00b204e9800998ecf8427e", "1e15": "1e+15", "100000 * 10": "1000000",
		"percent('a', 0)": "false", "percent('a', 100)": "true", "percent(nil, 100)": "false", "'it\\'s'": "it's", "-2": "-2",
		"tostring(nil) .. tostring(true)": "niltrue", "byte('A')": "65", "type(null)": "userdata", "(1 == 1) ~= false": "true",
		"date_at('!%H', 3600)": "01", "floor(-1.5)": "-2",
	} {
		e, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		v, err := Eval(e)
		if err != nil || v.ToString() != want {
			t.Errorf("%s = %s, %v; want %s", text, v.ToString(), err, want)
		}
	}
}

// TestFaults: what Lua raises, and what is no expression.
func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		"nil .. 'x'": "attempt to concatenate a nil value", "1 < '2'": "attempt to compare number with string",
		"nil < nil": "attempt to compare two nil values", "'x' + 1": "attempt to perform arithmetic on a string value",
		"#nil": "attempt to get length of a nil value", "sub(nil, 1)": "bad argument to 'sub' (string expected, got nil)",
		"str(1)": "attempt to index a number value",
	} {
		e, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Eval(e); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{"", "1 +", "foo", "$", "'x", "f(1", "1 2", "within($a, 'x')", "nosuch(1)", "matches($a, '(')"} {
		e, err := Parse(text)
		if err == nil {
			_, err = Compile(e, &Scope{})
		}
		if err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// FuzzPrint: what is printed is read back as the same.
func FuzzPrint(f *testing.F) {
	for _, s := range []string{"a", "not ($a == 1) and ($b ?? 'x') .. 2", "-$x ^ 1", "$a ? $b : $c ? 1 : 2", "#(1 .. 2)", "(1 < 2) == true",
		"not (1 == 2)", "- -1", "f($a, nil, null)", "'\\x00\\'\\\\'", "1e300", "($a or $b) and $c", "1 - (2 - 3)", "1 .. (2 .. 3)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			return
		}
		once := Print(e)
		back, err := Parse(once)
		if err != nil {
			t.Fatalf("%q printed as %q: %v", text, once, err)
		}
		if twice := Print(back); twice != once {
			t.Fatalf("%q printed as %q, then %q", text, once, twice)
		}
	})
}
