package proxy

import "testing"

// TestCheckPassword holds hashes made by openssl passwd, htpasswd and crypt(3).
func TestCheckPassword(t *testing.T) {
	for _, tt := range []struct{ password, stored string }{
		{"secret", "{PLAIN}secret"},
		{"secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="},
		{"secret", "$1$saltsalt$9xy1btjgzLYfb7hivXtC//"},
		{"secret", "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0"},
		{"secret", "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA"},
		{"secret", "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"},
		{"a", "$1$saltsalt$MzDjbImyzEz2m0NTiPzNW/"},
		{"a", "$apr1$saltsalt$OEnK0QmmvoDzFw9W2yFYT/"},
		{"a", "$5$saltsalt$Mtm6KOxb.PwaKES1sp80SDYOu1T0RdwsBVakhLiqA64"},
		{"a", "$6$saltsalt$8gzUrz5S2/0AfMGfui2LllQQ2fwu.jYnAVGef2XY7gAo0jNFrzHsTq9lMr2ze7QvIJxr4BYOKdgDpx4Va9Atb1"},
		{"longer password that exceeds everything 0123456789", "$1$saltsalt$Q3vMrVK4rV6Dh05/TMW1X."},
		{"longer password that exceeds everything 0123456789", "$apr1$saltsalt$0z4BWxxgr4hLIDQebLdT50"},
		{"longer password that exceeds everything 0123456789", "$5$saltsalt$z7V5sy0fH.mGb/f7J4cUCnHqNHfPOXjIEyksEl3R6d6"},
		{"longer password that exceeds everything 0123456789", "$6$saltsalt$bflh8l3/rnGICZXKnXgw/OPEZQR1DbZ4FkZ3xCtt1AuWSpu0xEobagfn7jN.UA0R/gzw5opOmeaqZPGQ..rjJ/"},
		{"secret", "abNANd1rDfiNc"},
		{"pass", "./1bf5CUkza4E"},
		{"foo", "zZ3uW76pHs.5U"},
		{"secret", "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"},
		{"x", "$5$rounds=1400$anotherlongsalts$Sc7CqXjeEEW7pIUfR0icTkllEosG2v2TDtavSKgJkZD"},
		{"y", "$6$rounds=1000$s$4HB7hiAAun545zppR1w0cYbVvIfgjclATl63BYzovfN7A55PRaAI.kSj0VwGvzMcUAQK79bW5PrSRzd/QyA5X1"},
		{"secret", "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0"},
	} {
		if !checkPassword(tt.password, tt.stored) {
			t.Errorf("%q does not match %q", tt.password, tt.stored)
		}
		if checkPassword(tt.password+"x", tt.stored) && len(tt.password) < 8 {
			t.Errorf("%q matches %q", tt.password+"x", tt.stored)
		}
	}
}
