"""Attacks from inside of the sandbox: each must come to nothing, and the run must go on.

A cell is given a secret file of its user, a port that listens, a process to harm; what it
gets hold of, it puts into `got`. It has escaped when that holds anything.
"""

from __future__ import annotations

import platform
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from support import OpenRepl
from unspool.sandboxes.worker import syscalls
from unspool.testing.sandbox_contract.promises import Cells

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the confinement is Linux's")

SECRET = "the-secret-0451"

PREAMBLE = """
import ctypes, errno, os, signal, socket, subprocess, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
got = []
def took(value):
    if value not in (None, -1, b'', '', []): got.append(value)
def call(number, *args):
    r = libc.syscall(number, *args)
    if r >= 0: got.append((number, r))
"""

FILES = {
    "open the secret": "took(open(SECRET).read())",
    "open the secret by os.open": "took(os.open(SECRET, os.O_RDONLY))",
    "open it by its folder's descriptor": "took(os.open('secret.txt', 0, dir_fd=os.open(HOME, 0)))",
    "open it through a relative path": "took(open('../' * 40 + SECRET.lstrip('/')).read())",
    "open it through /proc/self/root": "took(open('/proc/self/root' + SECRET).read())",
    "open it through /proc/1/root": "took(open('/proc/1/root' + SECRET).read())",
    "open it through a symbolic link": "os.symlink(SECRET, 'l'); took(open('l').read())",
    "open it through a hard link": "os.link(SECRET, 'l'); took(open('l').read())",
    "map it": "import mmap; took(mmap.mmap(os.open(SECRET, 0), 0, prot=mmap.PROT_READ)[:])",
    "import it": "sys.path.insert(0, HOME); import planted; took(planted.X)",
    "read it by runpy": "import runpy; took(runpy.run_path(HOME + '/planted.py'))",
    "read it by linecache": "import linecache; took(linecache.getline(SECRET, 1))",
    "read it by sqlite": "import sqlite3; took(sqlite3.connect(f'file:{HOME}/s.db?mode=ro',"
    " uri=True).execute('select * from t').fetchall())",
    "read it by fileinput": "import fileinput; took(list(fileinput.input(SECRET)))",
    "read it by ctypes fopen": "f = libc.open(SECRET.encode(), 0); took(f)",
    "change the shared context": "text = (id(context) + 100) & ~4095\n"
    "    took(libc.mprotect(ctypes.c_void_p(text), 4096, 3) == 0 and BIG)",
    "openat2": "call(437, -100, SECRET.encode(), b'\\0' * 24, 24)",
    "open_by_handle_at": "call(304, -100, b'\\0' * 128, 0)",
    "name_to_handle_at": "call(303, -100, SECRET.encode(), b'\\0' * 128, b'\\0' * 8, 0)",
    "list the home": "took(os.listdir(HOME))",
    "list the root": "took(os.listdir('/'))",
    "read passwd": "took(open('/etc/passwd').read())",
    "read shadow": "took(open('/etc/shadow').read())",
    "read a shell's history": "took(open(os.path.expanduser('~root/.bash_history')).read())",
    "write beside the secret": "took(open(HOME + '/new', 'w'))",
    "write to /tmp": "took(open('/tmp/unspool-escape', 'w'))",
    "write to /dev/shm": "took(open('/dev/shm/unspool-escape', 'w'))",
    "delete the secret": "os.unlink(SECRET); took(1)",
    "rename the secret": "os.rename(SECRET, 'x'); took(1)",
    "truncate the secret": "os.truncate(SECRET, 0); took(1)",
    "change the secret's mode": "os.chmod(SECRET, 0o777); took(1)",
    "change its owner": "os.chown(SECRET, 1, 1); took(1)",
    "write into the interpreter's library": "took(open(os.__file__, 'a'))",
    "make a device": "os.mknod('dev', 0o20666, os.makedev(1, 1)); took(open('dev').read(1))",
    "change the root": "os.chroot('.'); took(1)",
}  # fmt: skip

KEYS = {
    "the environment": "took([v for v in os.environ.values() if 'sk-' in v])",
    "its own environ file": "took(open('/proc/self/environ').read())",
    "the parent's environ file": "took(open(f'/proc/{os.getppid()}/environ').read())",
    "the environ of all": "[took(open(f'/proc/{n}/environ').read()) for n in range(1, 400)]",
    "the parent's memory": "took(open(f'/proc/{os.getppid()}/mem', 'rb').read(1))",
    "its own maps": "took(open('/proc/self/maps').read())",
    "garbage": "import gc\nKEY = 'sk-' + 'host-0123456789'\n"
    "took([o for o in gc.get_objects() if type(o) is dict and o.get('OPENAI_API_KEY') == KEY])",
    "frames": "KEY = 'sk-' + 'host-0'\nf = sys._getframe()\nwhile f:\n"
    "    took([v for v in f.f_locals.values() if isinstance(v, str) and KEY in v and v != KEY])\n"
    "    f = f.f_back",
    "process_vm_readv": "call(310, os.getppid(), 0, 0, 0, 0, 0)",
    "the kernel's keyring": "call(250, 0, -3, 0, 0, 0)",
}  # fmt: skip

NETWORK = {
    "tcp": "took(socket.create_connection(('127.0.0.1', PORT), 2))",
    "a raw tcp socket": "s = socket.socket(); s.connect(('127.0.0.1', PORT)); took(1)",
    "udp": "s = socket.socket(type=socket.SOCK_DGRAM); took(s.sendto(b'x', ('127.0.0.1', PORT)))",
    "raw": "took(socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))",
    "packet": "took(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))",
    "netlink": "took(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))",
    "vsock": "took(socket.socket(40, socket.SOCK_STREAM))",
    "ipv6": "took(socket.socket(socket.AF_INET6))",
    "a unix socket": "took(socket.socket(socket.AF_UNIX))",
    "an abstract one": "s = socket.socket(socket.AF_UNIX); s.bind('\\0x'); took(1)",
    "urllib": "import urllib.request; took(urllib.request.urlopen(f'http://127.0.0.1:{PORT}'))",
    "a name": "took(socket.getaddrinfo('localhost', 80, type=socket.SOCK_STREAM) and"
    " socket.create_connection(('localhost', PORT), 2))",
    "connect on a pair": "a, b = socket.socketpair(); call(42, a.fileno(), b'\\0' * 16, 16)",
}  # fmt: skip

PROCESSES = {
    "fork": "took(os.fork())",
    "fork by the C library": "r = libc.fork(); took(r)",
    "vfork": "call(58)",
    "clone": "call(56, 17, 0, 0, 0, 0)",
    "clone3": "call(435, b'\\x11' + b'\\0' * 87, 88)",
    "subprocess": "took(subprocess.run(['/bin/true']))",
    "system": "took(libc.system(b'true') == 0 or None)",
    "posix_spawn": "took(os.posix_spawn('/bin/true', ['true'], {}))",
    "exec": "os.execv('/bin/true', ['true'])",
    "execveat of a memory file": "call(322, 1, b'', 0, 0, 0x1000)",
    "memfd": "call(319, b'x', 0)",
    "multiprocessing": "import multiprocessing as m\n"
    "p = m.get_context('fork').Process(target=print); p.start(); took(p.pid)",
    "a pool of processes": "from concurrent.futures import ProcessPoolExecutor as P;"
    " took(P(1).submit(os.getpid).result(5))",
    "kill the victim": "os.kill(VICTIM, signal.SIGKILL); took(1)",
    "kill the parent": "os.kill(os.getppid(), signal.SIGKILL); took(1)",
    "kill its group": "os.killpg(os.getpgid(VICTIM), signal.SIGKILL); took(1)",
    "kill everybody": "os.kill(-1, signal.SIGKILL); took(1)",
    "tgkill": "call(234, VICTIM, VICTIM, 9)",
    "rt_sigqueueinfo": "call(129, VICTIM, 9, b'\\0' * 128)",
    "pidfd_open": "call(434, VICTIM, 0)",
    "pidfd_send_signal": "call(424, 3, 9, 0, 0)",
    "trace the victim": "took(libc.ptrace(16, VICTIM, 0, 0))",
    "be traced": "took(libc.ptrace(0, 0, 0, 0))",
    "the victim's limits": "import resource; took(resource.prlimit(VICTIM, resource.RLIMIT_CORE))",
    "its priority": "os.setpriority(os.PRIO_PROCESS, VICTIM, 19); took(1)",
}  # fmt: skip

KERNEL = {
    "mount": "call(165, b'none', b'/tmp', b'tmpfs', 0, 0)",
    "umount": "call(166, b'/proc', 2)",
    "new mount interface": "call(428, -100, b'/', 0)",
    "pivot_root": "call(155, b'.', b'.')",
    "unshare": "call(272, 0x10000000)",
    "setns": "call(308, 3, 0)",
    "bpf": "call(321, 0, b'\\0' * 128, 128)",
    "io_uring": "call(425, 4, b'\\0' * 128)",
    "userfaultfd": "call(323, 0)",
    "perf_event_open": "call(298, b'\\0' * 128, 0, -1, -1, 0)",
    "kexec": "call(246, 0, 0, 0, 0)",
    "init_module": "call(175, b'', 0, b'')",
    "reboot": "call(169, 0xfee1dead, 672274793, 0, 0)",
    "sethostname": "call(170, b'x', 1)",
    "settime": "call(227, 0, b'\\0' * 16)",
    "swapon": "call(167, b'x', 0)",
    "quotactl": "call(179, 0, 0, 0, 0)",
    "add_key": "call(248, b'user', b'x', b'y', 1, -3)",
    "a weaker seccomp": "call(317, 1, 0, 0)",
    "prctl": "took(libc.prctl(4, 1, 0, 0, 0))",
    "personality": "call(135, 0x0040000)",
    "setuid": "os.setuid(0); took(1)",
    "capset": "call(126, b'\\x22\\x05\\x08\\x20' + b'\\0' * 4, b'\\xff' * 24)",
    "32-bit numbers": "call(0x40000000 + 41, 2, 1, 0)",
    "terminal input": "import fcntl; fcntl.ioctl(0, 0x5412, b'x'); took(1)",
    "shared memory of others": "call(29, 1, 4096, 0o1666)",
    "message queues": "call(68, 1, 0o1666)",
}  # fmt: skip

ATTACKS = FILES | KEYS | NETWORK | PROCESSES | KERNEL


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import sqlite3

    home = tmp_path_factory.mktemp("home")
    (home / "secret.txt").write_text(SECRET)
    (home / "planted.py").write_text(f"X = {SECRET!r}")
    with sqlite3.connect(home / "s.db") as base:
        base.execute("create table t as select 'x'")
    return home


@pytest.fixture(scope="module")
def victim() -> Iterator[int]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        assert process.poll() is None, "the victim was harmed"
        process.kill()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.01)
        yield server.getsockname()[1]
        with pytest.raises(TimeoutError):
            server.accept()


def _contents(home: Path) -> set[str]:
    assert (home / "secret.txt").read_text() == SECRET
    return {path.name for path in home.iterdir()}


@pytest.fixture
async def prisoner(
    open_repl: OpenRepl, home: Path, victim: int, port: int, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cells]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-host-0123456789")
    run = await open_repl("kept")
    await run(
        PREAMBLE + f"\nHOME, PORT, VICTIM = {str(home)!r}, {port}, {victim}\n"
        "SECRET = HOME + '/secret.txt'"
    )
    yield run
    assert _contents(home) == {"planted.py", "s.db", "secret.txt"}


@pytest.mark.parametrize("code", ATTACKS.values(), ids=ATTACKS.keys())
async def test_an_attack_comes_to_nothing(prisoner: Cells, code: str) -> None:
    if "call(" in code and platform.machine() != "x86_64":
        pytest.skip("its number is that of x86-64")
    body = textwrap.indent(code, "    ")
    await prisoner(f"try:\n{body}\nexcept Exception as error:\n    pass")
    seen = await prisoner("got, context")
    assert seen.value.text == "([], 'kept')"


EXHAUSTION = {
    "memory": "x = bytearray(64 << 30)",
    "memory by doubling": "x = ['a' * 1000]\nwhile True: x = x + x",
    "descriptors": "import os\nfds = []\nwhile True: fds.append(os.dup(1))",
    "a file": "f = open('big', 'wb')\nwhile True: f.write(b'x' * (1 << 24))",
    "threads": "import threading, time\n"
    "while True: threading.Thread(target=time.sleep, args=(3,), daemon=True).start()",
    "the stack": "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
}  # fmt: skip


@pytest.mark.parametrize("code", EXHAUSTION.values(), ids=EXHAUSTION.keys())
async def test_exhaustion_ends_in_an_error_and_the_run_goes_on(
    open_repl: OpenRepl, code: str
) -> None:
    run = await open_repl("kept", cell_seconds=20, memory_bytes=512 << 20)
    seen = await run(code)
    assert seen.error
    assert (await run("context")).value.text == "'kept'"


FORGERIES = {
    "a reply to a call never made": 'b\'{"call":1,"value":"forged"}\'',
    "no JSON": "b'nonsense'",
    "no object": "b'[]'",
    "an unknown frame": 'b\'{"op":"sudo"}\'',
    "a call of no function": 'b\'{"op":"call","call":9,"name":"os.system","args":["true"]}\'',
    "a call with odd arguments": 'b\'{"op":"call","call":9,"name":"llm_query","args":[1]}\'',
    "a value of unknown kind": 'b\'{"op":"call","call":9,"name":"x","args":[{"~pickle":"x"}]}\'',
    "deep nesting": "b'{\"a\":' + b'[' * 100_000",
    "a done of another shape": 'b\'{"op":"done","number":"x"}\'',
    "a second ready": 'b\'{"op":"ready","layers":[]}\'',
}  # fmt: skip


@pytest.mark.parametrize("body", FORGERIES.values(), ids=FORGERIES.keys())
async def test_forged_frames_harm_nobody(open_repl: OpenRepl, body: str) -> None:
    run = await open_repl("kept", cell_seconds=5)
    await run(
        f"import os, gc, socket\nbody = {body}\nframe = len(body).to_bytes(4, 'big') + body\n"
        "for s in gc.get_objects():\n"
        "    if isinstance(s, socket.socket) and s.fileno() > 2: s.sendall(frame)"
    )
    assert (await run("context")).value.text == "'kept'"


@pytest.mark.parametrize("size", [2**32 - 1, 300 << 20, 8])
async def test_frames_of_a_false_length_harm_nobody(open_repl: OpenRepl, size: int) -> None:
    run = await open_repl("kept", cell_seconds=2)
    await run(
        f"import gc, socket\nframe = ({size}).to_bytes(4, 'big') + b'half'\n"
        "for s in gc.get_objects():\n"
        "    if isinstance(s, socket.socket) and s.fileno() > 2: s.sendall(frame)"
    )
    assert (await run("context")).value.text == "'kept'"


async def test_random_bytes_harm_nobody(open_repl: OpenRepl) -> None:
    run = await open_repl("kept", cell_seconds=0.3)
    await run("import os, random\nsent = 0")
    for seed in range(25):
        await run(
            f"chance = random.Random({seed})\n"
            "data = chance.randbytes(chance.choice([1, 3, 4, 5, 60, 9000]))\n"
            "for fd in range(3, 12):\n"
            "    try: os.write(fd, data)\n"
            "    except OSError: pass"
        )
        assert (await run("context, sent")).value.text == "('kept', 0)"


def test_the_numbers_of_system_calls_are_the_kernels() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("no kernel headers here")
    lines = (line.split() for line in header.read_text().splitlines() if "__NR_" in line)
    known = {parts[1][5:]: int(parts[2]) for parts in lines if len(parts) == 3}
    assert {name: known[name] for name in syscalls.X86_64} == dict(syscalls.X86_64)


def test_the_suite_is_as_large_as_it_says() -> None:
    assert len(ATTACKS) + len(EXHAUSTION) + len(FORGERIES) >= 120
