"""The part of Protocol Buffers that Terraform's plugin protocol needs. A message is a sequence of numbered fields. Each
field is a varint (wire type 0) or length-delimited bytes (wire type 2)."""

VARINT, BYTES = 0, 2


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(number, content):
    """A field with a message, which may be empty."""
    return varint(number << 3 | BYTES) + varint(len(content)) + content


def field(number, value):
    """A field with a bool, a number, a string or bytes. Returns nothing for a default value."""
    if not value:
        return b""
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(int(value))
    return message(number, value.encode() if isinstance(value, str) else value)


def decode(raw):
    """The length-delimited fields of a message, by number. A repeated field keeps its last value."""
    found, at = {}, 0

    def number():
        nonlocal at
        shift = value = 0
        while True:
            byte = raw[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(raw):
        tag = number()
        size = number()
        if tag & 7 == BYTES:
            found[tag >> 3] = raw[at:at + size]
            at += size
    return found
