package nginxconf

// What is said beside nginx's message, to help find the mistake.

// withHint adds where a ";" is probably missing: after the line of the name,
// when the arguments go on over further lines.
func (b *build) withHint(err error, n *Node) error {
	ce, ok := err.(*confErr)
	if !ok || len(n.words) < 2 {
		return err
	}
	for i := 1; i < len(n.words); i++ {
		if prev := int(n.words[i-1].line); int(n.words[i].line) > prev {
			ce.d.Hint = `is a ";" missing at the end of line ` + itoa(prev) + "?"
			break
		}
	}
	return err
}

// nearest is the directive of this context whose name differs least from
// name, by two letters at most.
func nearest(name string, ctx Context) string {
	best, bestDist := "", 3
	for i := range table().rows {
		r := &table().rows[i]
		if r.ctx&ctx == 0 || abs(len(r.name)-len(name)) >= bestDist {
			continue
		}
		if d := distance(name, r.name); d < bestDist && d < len(name)/2 {
			best, bestDist = r.name, d
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to make b of a.
func distance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
