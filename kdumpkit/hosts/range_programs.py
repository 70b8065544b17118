"""The few lines that run on a host to give out parts of a file there: in perl, in Python 2 or 3, or in the shell.

perl is on every Debian, Python on every Red Hat. Each is one line, for a login shell such as csh passes no other on.
"""

from __future__ import annotations

_PYTHONS = "python3 /usr/libexec/platform-python python"
#: exit status of :func:`index_argv` where the host has neither perl nor Python
NEITHER = 69

# each prints its mark, then for each line "offset length" that many bytes and its mark
_PERL_SERVES = (
    '($n,$f)=@ARGV; $|=1; binmode(STDOUT); open(F,\'<\',$f) or die "$!\\n"; binmode(F); print "$n\\n";'
    " while(<STDIN>){ ($o,$c)=split; sysseek(F,$o,0);"
    ' while($c>0){ $r=sysread(F,$b,$c>262144?262144:$c); last unless $r; print $b; $c-=$r } print "$n\\n" }'
)
_PYTHON_SERVES = """
import os, sys
def put(data):
    while data:
        data = data[os.write(1, data):]
mark = (sys.argv[1] + "\\n").encode()
file = os.open(sys.argv[2], os.O_RDONLY)
put(mark)
for line in iter(sys.stdin.readline, ""):
    offset, left = map(int, line.split())
    os.lseek(file, offset, 0)
    while left > 0:
        data = os.read(file, min(left, 262144))
        if not data:
            break
        put(data)
        left -= len(data)
    put(mark)
"""
#: GNU dd since 8.20 (2012), and that of uutils, take bytes for skip and count and can be told to be silent
_SHELL_SERVES = (
    'printf "%s\\n" "$1"; while read -r o c; do '
    'dd if="$2" bs=262144 iflag=skip_bytes,count_bytes skip="$o" count="$c" status=none; '
    'printf "%s\\n" "$1"; done'
)
_SERVE = (
    'if command -v perl >/dev/null; then exec perl -e "$3" -- "$1" "$2"; fi; '
    f"for p in {_PYTHONS}; do "
    'if command -v "$p" >/dev/null; then exec "$p" -c "$4" "$1" "$2"; fi; done; ' + _SHELL_SERVES
)

# the 16 bytes before each segment of a flattened file, each of which tells where the next one is
_PERL_INDEXES = (
    "open(F,'<',$ARGV[0]) or die \"$!\\n\"; binmode(F); binmode(STDOUT); $p=$ARGV[1]; for (1..$ARGV[2]) {"
    " sysseek(F,$p,0); $n=sysread(F,$h,16); last unless defined $n and $n==16; print $h;"
    " ($a,$s)=unpack('q>q>',$h); last if $a<0 or $s<=0; $p+=16+$s }"
)
_PYTHON_INDEXES = """
import os, struct, sys
file, place = os.open(sys.argv[1], os.O_RDONLY), int(sys.argv[2])
out = getattr(sys.stdout, "buffer", sys.stdout)
for _ in range(int(sys.argv[3])):
    os.lseek(file, place, 0)
    head = os.read(file, 16)
    if len(head) < 16:
        break
    out.write(head)
    start, size = struct.unpack(">qq", head)
    if start < 0 or size <= 0:
        break
    place += 16 + size
"""
_INDEX = (
    'if command -v perl >/dev/null; then exec perl -e "$1" -- "$3" "$4" "$5"; fi; '
    f"for p in {_PYTHONS}; do "
    f'if command -v "$p" >/dev/null; then exec "$p" -c "$2" "$3" "$4" "$5"; fi; done; exit {NEITHER}'
)


def serve_argv(mark: str, path: str) -> tuple[str, ...]:
    """A program that prints ``mark`` and then answers lines of "offset length" until its standard input ends.

    Each answer is that many bytes of the file, fewer where it ends before, and ``mark`` on a line behind them.
    """
    return ("/bin/sh", "-c", _SERVE, "kdumpkit", mark, path, _PERL_SERVES, _one_line(_PYTHON_SERVES))


def index_argv(path: str, place: int, most: int) -> tuple[str, ...]:
    """A program that prints the headers of at most so many segments of a flattened file, from ``place`` on."""
    return ("sh", "-c", _INDEX, "kdumpkit", _PERL_INDEXES, _one_line(_PYTHON_INDEXES), path, str(place), str(most))


def _one_line(program: str) -> str:
    return f"exec({program!r})"
