package main

import (
	"syscall"

	"huidu/nginxconf"
)

// controlSignals are the words of -s.
//
// See: https://nginx.org/en/docs/control.html
var controlSignals = map[string]syscall.Signal{
	"stop":   syscall.SIGTERM,
	"quit":   syscall.SIGQUIT,
	"reopen": syscall.SIGUSR1,
	"reload": syscall.SIGHUP,
}

// sendControlSignal is -s: it signals the process that the configuration's
// pid file names.
func sendControlSignal(cfg *nginxconf.Config, word string, log *startLog) int {
	log.Log(levelNotice, "signal process started")
	pid, err := readPIDFile(cfg.Main.PID.V)
	if err != nil {
		log.Log(levelError, err.Error())
		return 1
	}
	if err := syscall.Kill(pid, controlSignals[word]); err != nil {
		log.Logf(levelAlert, "kill(%d, %d) failed %s", pid, controlSignals[word], errnoText(err))
		return 1
	}
	return 0
}
