"""Writes a text as the numbers of a C array: embed.py INPUT OUTPUT."""
import sys

with open(sys.argv[1], "rb") as source:
    data = source.read()
with open(sys.argv[2], "w", encoding="ascii") as target:
    for at in range(0, len(data), 24):
        target.write("".join(f"{byte}," for byte in data[at:at + 24]) + "\n")
