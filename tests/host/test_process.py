from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labiac.host.process import run

INTERRUPTED = """
import os, pathlib, sys
from labiac.host.process import run
child = [sys.executable, "-u", "-c", '''
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: (print("tidied"), sys.exit(3)))
print("ready")
time.sleep(30)
''']
try:
    run(child, cwd=pathlib.Path("/"), env=os.environ, on_line=lambda line: print(line, flush=True))
except KeyboardInterrupt:
    print("then labiac", flush=True)
"""


def python(code: str, tmp_path, **options):
    return run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ, **options)


def test_both_outputs_come_line_by_line_and_whole(tmp_path):
    lines = []
    code = "import sys; print('one', flush=True); print('two', file=sys.stderr); sys.exit(4)"
    ended = python(code, tmp_path, on_line=lines.append)
    assert (ended.code, ended.output, lines) == (4, "one\ntwo\n", ["one", "two"])


def test_nothing_is_read_from_the_terminal(tmp_path):
    assert python("import sys; print(repr(sys.stdin.read()))", tmp_path).output == "''\n"


def test_bytes_that_are_no_text_do_no_harm(tmp_path):
    code = "import sys; sys.stdout.buffer.write(b'\\xff\\n')"
    assert python(code, tmp_path).output == "\N{REPLACEMENT CHARACTER}\n"


def test_what_takes_too_long_is_ended(tmp_path):
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"still running after 0\.2 s"):
        python("import time; time.sleep(60)", tmp_path, timeout_s=0.2)
    assert time.monotonic() - started < 30


def test_a_ctrl_c_lets_the_process_tidy_up_before_labiac_ends():
    argv = [sys.executable, "-c", INTERRUPTED]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "tidied\nthen labiac\n"


def test_what_was_started_does_not_outlive_labiac():
    code = INTERRUPTED.replace('"ready"', "__import__('os').getpid()")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        child = Path(f"/proc/{int(process.stdout.readline())}")
        process.kill()
    deadline = time.monotonic() + 30
    while child.exists() and "Z" not in (child / "stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
