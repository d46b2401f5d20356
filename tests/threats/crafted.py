"""Sound files made byte by byte, with content that no encoder would write."""

import struct
import zlib


def crc(data, polynomial, bits):
    value, top = 0, 1 << (bits - 1)
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1) ^ polynomial if value & top else value << 1
            value &= (1 << bits) - 1
    return value


def frame_number(number):
    """Encode a number as UTF-8 does, up to 2^21."""
    if number < 0x80:
        return bytes([number])
    if number < 0x800:
        return bytes([0xC0 | number >> 6, 0x80 | number & 63])
    if number < 0x10000:
        return bytes([0xE0 | number >> 12, 0x80 | number >> 6 & 63, 0x80 | number & 63])
    return bytes([0xF0 | number >> 18, *(0x80 | number >> n & 63 for n in (12, 6, 0))])


def silent_flac(frames, rate, total=0, later_rate=None, size=65535):
    """Make frames of `size` samples in 14 bytes; from the sixth on they may claim another rate."""
    stream = (rate << 44 | 15 << 36 | total).to_bytes(8)
    parts = [b"fLaC\x80\0\0\x22", struct.pack(">HH", size, size), bytes(6), stream, bytes(16)]
    for number in range(frames):
        claims = later_rate is not None and number > 5
        head = b"\xff\xf8" + bytes([0x7D if claims else 0x70, 0x08]) + frame_number(number)
        head += struct.pack(">H", size - 1) + (struct.pack(">H", later_rate) if claims else b"")
        frame = head + bytes([crc(head, 0x07, 8)]) + bytes(3)
        parts.append(frame + struct.pack(">H", crc(frame, 0x8005, 16)))
    return b"".join(parts)


def element(name, content):
    """Make an element of Matroska; numbers have four bytes."""
    if isinstance(content, int):
        content = struct.pack(">I", content)
    return bytes.fromhex(name) + (1 << 56 | len(content)).to_bytes(8) + content


def write_matroska(path, channels=1, rate=16000.0, block=1000, claimed=None):
    """Make a file with one block of zero bytes (a hole), which may claim another size."""
    sound = element("b5", struct.pack(">d", rate)) + element("9f", channels) + element("6264", 8)
    track = element("d7", 1) + element("73c5", 1) + element("83", 2)
    track += element("86", b"A_PCM/INT/LIT") + element("e1", sound)
    head = element("1549a966", element("2ad7b1", 1_000_000))
    head += element("1654ae6b", element("ae", track))
    cluster = element("e7", 0) + b"\xa3" + (1 << 56 | (claimed or block) + 4).to_bytes(8)
    cluster += b"\x81\0\0\x80"
    inner = len(cluster) + block
    with path.open("wb") as file:
        file.write(element("1a45dfa3", element("4282", b"matroska")))
        file.write(b"\x18\x53\x80\x67" + (1 << 56 | len(head) + 12 + inner).to_bytes(8) + head)
        file.write(b"\x1f\x43\xb6\x75" + (1 << 56 | inner).to_bytes(8) + cluster)
        file.truncate(file.tell() + block)


def packed_zeros(size):
    """Pack `size` zeros with zlib, as one packed megabyte after the other."""
    count, rest = divmod(size, 1 << 20)
    packer = zlib.compressobj(9, wbits=-15)
    megabyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(bytes(rest)) + packer.flush()
    return b"\x78\xda" + count * megabyte + end + struct.pack(">HH", size % 65521, 1)


def tag(*frames):
    """Make an ID3v2.4 tag of frames: name, flags, content."""
    body = b"".join(name + synchsafe(len(c)) + flags + c for name, flags, c in frames)
    return b"ID3\x04\0\0" + synchsafe(len(body)) + body


def synchsafe(number):
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def packed_frame(name, size, stuffed=False):
    """Make a frame of a tag that unpacks to `size` zeros."""
    packed = packed_zeros(size)
    if stuffed:
        packed = packed.replace(b"\xff", b"\xff\x00")
    return name, b"\0\x0b" if stuffed else b"\0\x09", synchsafe((1 << 28) - 1) + packed


def atom(name, content):
    return struct.pack(">I", len(content) + 8) + name + content


def packed_quicktime(size):
    """Make a table of contents that unpacks to many zeros."""
    packed = atom(b"cmvd", struct.pack(">I", size) + packed_zeros(size))
    table = atom(b"moov", atom(b"cmov", atom(b"dcom", b"zlib") + packed))
    return atom(b"ftyp", b"qt  \0\0\0\0qt  ") + table


def png(width, height):
    """Make a black picture."""

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    rows = packed_zeros((3 * width + 1) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
