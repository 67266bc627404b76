package nginxconf

import (
	"regexp"
	"strings"
	"testing"
)

// TestEveryDirectiveHasACase finds supported directives that no case uses.
func TestEveryDirectiveHasACase(t *testing.T) {
	word := regexp.MustCompile(`[a-z0-9_]+`)
	used := map[string]bool{}
	for _, c := range readCases(t) {
		for _, text := range c.files {
			for _, w := range word.FindAllString(text, -1) {
				used[w] = true
			}
		}
	}
	for _, r := range Rows() {
		if r.Status != Unsupported && !used[r.Name] && r.Reason != noWorkers && !strings.HasPrefix(r.Reason, "there is no ") {
			t.Errorf("%s of %s is in no case", r.Name, r.Module)
		}
	}
}
