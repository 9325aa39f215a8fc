#!/usr/bin/env bash
# `run -it` gives the guest a terminal of our size; Ctrl-C goes to the command in the guest; the exit code comes back.
. "$(dirname "$0")/../support/e2e.sh"
use_hello
cat >drive.py <<'PY'
import fcntl, os, pty, re, select, struct, sys, termios, time

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
seen = b""


def expect(pattern):
    global seen
    end = time.time() + 150
    while not re.search(pattern, seen):
        if time.time() > end or not select.select([terminal], [], [], 5)[0] and os.waitpid(pid, os.WNOHANG)[0]:
            sys.exit(f"no {pattern} in {seen!r}")
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)
    seen = seen[re.search(pattern, seen).end():]


os.write(terminal, b"")
expect(rb"ready\r\n")
os.write(terminal, b"stty size\n")
expect(rb"33 111\r\n")
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 90, 0, 0))
time.sleep(1)
os.write(terminal, b"stty size\n")
expect(rb"20 90\r\n")
os.write(terminal, b"sleep 1000; echo got $?\n")
time.sleep(1)
os.write(terminal, b"\x03")
os.write(terminal, b"echo after $?\n")
expect(rb"after 130\r\n")
os.write(terminal, b"exit 42\n")
try:
    while os.read(terminal, 65536):
        pass
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
exits 42 python3 drive.py "$BLUEPRINT_BIN/blueprint" run -it hello -- sh -c 'echo ready; exec bash --norc'
nothing_is_left
