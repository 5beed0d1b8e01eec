"""Writes files as C: for each its bytes, plain and packed, and a row FILE(name, type, plain, packed). embed.py OUTPUT INPUT..."""
import gzip
import pathlib
import sys

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def array(name, data):
    lines = (",".join(map(str, data[at:at + 32])) for at in range(0, len(data), 32))
    return f"static const unsigned char {name}[] = {{\n" + ",\n".join(lines) + "};\n"


def main(target, sources):
    rows = []
    with open(target, "w", encoding="ascii") as out:
        for number, source in enumerate(map(pathlib.Path, sources)):
            plain = source.read_bytes()
            packed = gzip.compress(plain, 9, mtime=0)  # no time: the same source is the same binary
            out.write(array(f"plain_{number}", plain) + array(f"packed_{number}", packed))
            rows.append(f'FILE("{source.name}", "{TYPES[source.suffix]}", plain_{number}, packed_{number}) \\\n')
        out.write("#define WEB_FILES \\\n" + "".join(rows) + "\n")


main(sys.argv[1], sys.argv[2:])
