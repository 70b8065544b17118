"""Bytes that lie elsewhere, read by ranges, with what was read of late kept here in blocks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from kdumpkit.errors import HostError, KdumpkitError
from kdumpkit.vmcore.view import ByteView

#: (offset, length) pairs in, the bytes of each out
ReadRanges = Callable[[Sequence[tuple[int, int]]], Sequence[bytes]]

#: a page of a dump is a kilobyte or two; its neighbours are mostly wanted too
BLOCK_BYTES = 128 << 10
#: of all blocks that are kept
CACHE_BYTES = 64 << 20
#: so much is asked for at a time
_PIECE_BYTES = 8 << 20
#: in one question: their offsets and sizes fit into a pipe, which must not fill up while we write
_MOST_RANGES = 1000


class RangedView(ByteView):
    """A file of ``size_bytes`` behind ``read_ranges``. Whatever is read, at most ``CACHE_BYTES`` are kept.

    An error of the host is raised again at each later read, at once: who catches it for one read must not go on to ask
    for thousands more.
    """

    def __init__(
        self,
        read_ranges: ReadRanges,
        size_bytes: int,
        *,
        segment_headers: Callable[[], Iterator[bytes]] | None = None,
        ended: Callable[[], None] = lambda: None,
        block_bytes: int = BLOCK_BYTES,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """``segment_headers`` and ``ended`` are what the methods of a view, ``segment_headers`` and ``close``, call."""
        self.size_bytes = size_bytes
        self._read_ranges = read_ranges
        self._segment_headers = segment_headers
        self._ended = ended
        self._block_bytes = block_bytes
        self._most_blocks = max(1, cache_bytes // block_bytes)
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        #: why nothing can be read any more; None: it can
        self.failure: KdumpkitError | None = None
        #: bytes that came over
        self.read_bytes = 0

    def read_at(self, offset: int, size: int) -> bytes:
        if offset < 0 or size <= 0 or offset >= self.size_bytes:
            return b""
        end = min(offset + size, self.size_bytes)
        parts = []
        while offset < end:
            stop = min(end, offset + _PIECE_BYTES)
            parts.append(self._piece(offset, stop))
            offset = stop
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read_many(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """What is not here comes as it is asked for, not in blocks, and is not kept: such tables are read once."""
        found: list[bytes] = []
        for first in range(0, len(ranges), _MOST_RANGES):
            found += self._read_many(ranges[first : first + _MOST_RANGES])
        return found

    def _read_many(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        clipped = [(offset, min(size, self.size_bytes - offset)) if offset >= 0 else (0, 0) for offset, size in ranges]
        missing = [pair for pair in clipped if pair[1] > 0 and not self._in_blocks(*pair)]
        answers = iter(self._ask_for(missing) if missing else ())
        asked = set(missing)
        return [b"" if pair[1] <= 0 else next(answers) if pair in asked else self.read_at(*pair) for pair in clipped]

    def _in_blocks(self, offset: int, size: int) -> bool:
        # what is longer than a block may as well be kept
        first, last = offset // self._block_bytes, (offset + size - 1) // self._block_bytes
        return size > self._block_bytes or all(number in self._blocks for number in range(first, last + 1))

    def segment_headers(self) -> Iterator[bytes] | None:
        return None if self._segment_headers is None else self._segment_headers()

    def close(self) -> None:
        self._ended()

    def _piece(self, start: int, stop: int) -> bytes:
        block = self._block_bytes
        numbers = range(start // block, (stop - 1) // block + 1)
        found = {number: self._blocks[number] for number in numbers if number in self._blocks}
        missing = [number for number in numbers if number not in found]
        if missing:
            found |= self._ask(missing)
        for number in numbers:
            self._blocks[number] = found[number]
            self._blocks.move_to_end(number)
        while len(self._blocks) > self._most_blocks:
            self._blocks.popitem(last=False)
        first = numbers[0] * block
        if len(numbers) == 1:
            return found[numbers[0]][start - first : stop - first]
        return b"".join(found[number] for number in numbers)[start - first : stop - first]

    def _ask(self, missing: Sequence[int]) -> dict[int, bytes]:
        runs: list[list[int]] = []
        for number in missing:
            if runs and runs[-1][-1] == number - 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        block = self._block_bytes
        ranges = [(run[0] * block, min((run[-1] + 1) * block, self.size_bytes) - run[0] * block) for run in runs]
        answers = self._ask_for(ranges)
        return {
            number: answer[place * block : (place + 1) * block]
            for run, answer in zip(runs, answers, strict=True)
            for place, number in enumerate(run)
        }

    def _ask_for(self, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        if self.failure is not None:
            raise self.failure
        try:
            answers = self._read_ranges(ranges)
            for (offset, length), answer in zip(ranges, answers, strict=True):
                if len(answer) != length:
                    raise HostError(f"{len(answer)} bytes came where {length} at {offset} were asked for")
        except KdumpkitError as error:
            self.failure = error
            raise
        self.read_bytes += sum(len(answer) for answer in answers)
        return answers
