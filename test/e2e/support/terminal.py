"""Runs a command on a pseudo terminal and plays a script against it.

Standard input: JSON {"command": [...], "cwd": ..., "env": {...}, "columns": n, "steps": [{"expect": regex}|{"send": text}|{"signal": name}|...]}.
Standard output: JSON {"code": exit code, "transcript": text, "failed": step that was not seen or null}.
"""
import fcntl, json, os, pty, re, select, signal, struct, sys, termios, time

script = json.load(sys.stdin)
pid, fd = pty.fork()
if pid == 0:
    os.chdir(script["cwd"])
    os.environ.update(script["env"])
    os.execv(script["command"][0], script["command"])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, script["columns"], 0, 0))

transcript = b""
seen = 0
failed = None


def read(timeout):
    global transcript
    if not select.select([fd], [], [], timeout)[0]:
        return True
    try:
        piece = os.read(fd, 65536)
    except OSError:
        return False
    transcript += piece
    return len(piece) > 0


def expect(pattern):
    """Waits for the pattern after what was matched before."""
    global seen
    deadline = time.monotonic() + 60
    compiled = re.compile(pattern.encode())
    while True:
        match = compiled.search(transcript, seen)
        if match:
            seen = match.end()
            return True
        if time.monotonic() > deadline or not read(0.1):
            match = compiled.search(transcript, seen)
            if match:
                seen = match.end()
            return bool(match)


for step in script["steps"]:
    if "expect" in step:
        if not expect(step["expect"]):
            failed = step["expect"]
            break
    elif "signal" in step:
        os.kill(pid, getattr(signal, step["signal"]))
    else:
        os.write(fd, step["send"].encode())

deadline = time.monotonic() + 60
code = None
while code is None and time.monotonic() < deadline and failed is None:
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        code = os.waitstatus_to_exitcode(status)
    elif not read(0.05):
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if code is None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
while read(0):
    if not select.select([fd], [], [], 0)[0]:
        break
json.dump({"code": code, "transcript": transcript.decode("utf-8", "replace"), "failed": failed}, sys.stdout)
