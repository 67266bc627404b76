package proxy

// LogPaths are the files that the server logs to at the moment: whoever
// changes the process's user gives them to it, so that they can be reopened.
func (s *Server) LogPaths() []string {
	l := s.opts.logs
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for name, lf := range l.open {
		if name != "stderr" && lf.f != nil {
			names = append(names, name)
		}
	}
	return names
}
