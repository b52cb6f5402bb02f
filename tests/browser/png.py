"""Screenshots made small for the repository: 256 colours are enough for a page, and a third of the bytes."""

import struct
import zlib
from collections import Counter
from collections.abc import Callable
from functools import cache

_COLORS = 256


def smaller(png: bytes) -> bytes:
    """The same picture with at most 256 colours, the most frequent ones. `png` is RGB of 8 bits, as Chromium's are."""
    chunks = dict[bytes, bytes]()
    at = 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        chunks[kind] = chunks.get(kind, b"") + png[at + 8 : at + 8 + length]
        at += 12 + length
    width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, kind) == (8, 2), "not RGB of 8 bits"
    rows = _rows(zlib.decompress(chunks[b"IDAT"]), width * 3, height)
    pixels = [[row[i : i + 3] for i in range(0, len(row), 3)] for row in rows]
    palette = [color for color, _ in Counter(pixel for row in pixels for pixel in row).most_common(_COLORS)]
    known = {color: index for index, color in enumerate(palette)}

    @cache
    def nearest(color: bytes) -> int:
        if color in known:
            return known[color]
        return min(range(len(palette)), key=lambda i: sum((a - b) ** 2 for a, b in zip(palette[i], color, strict=True)))

    packed = b"".join(b"\0" + bytes(map(nearest, row)) for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = (b"IHDR" + header, b"PLTE" + b"".join(palette), b"IDAT" + zlib.compress(packed, 9), b"IEND")
    return png[:8] + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts
    )


def _rows(data: bytes, width: int, height: int) -> list[bytes]:
    """Undo PNG's filters, each of which stores a byte as its difference from its neighbours."""
    rows, above = [], bytes(width)
    for y in range(height):
        start = y * (width + 1)
        kind, line = data[start], bytearray(data[start + 1 : start + 1 + width])
        guess = _GUESSES[kind]
        for x in range(width if kind else 0):
            left, corner = (line[x - 3], above[x - 3]) if x >= 3 else (0, 0)
            line[x] = (line[x] + guess(left, above[x], corner)) & 255
        above = bytes(line)
        rows.append(above)
    return rows


def _paeth(left: int, up: int, corner: int) -> int:
    """Whichever neighbour is nearest to left + up - corner."""
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - corner - corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner


_GUESSES: tuple[Callable[[int, int, int], int], ...] = (
    lambda left, up, corner: 0,
    lambda left, up, corner: left,
    lambda left, up, corner: up,
    lambda left, up, corner: (left + up) >> 1,
    _paeth,
)
