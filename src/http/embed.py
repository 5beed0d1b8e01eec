"""Writes a file as the numbers of a C array: embed.py INPUT OUTPUT. White space between JSON's tokens is left out."""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as source:
    data = json.dumps(json.load(source), ensure_ascii=True, separators=(",", ":")).encode()
with open(sys.argv[2], "w", encoding="ascii") as target:
    for at in range(0, len(data), 24):
        target.write("".join(f"{byte}," for byte in data[at:at + 24]) + "\n")
