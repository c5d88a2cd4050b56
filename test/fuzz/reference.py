"""Says of files whether the reference parsers take them: one `KIND PATH` a line in, `ok` or `no REASON` a line out."""

import os
import sys

from gguf import GGUFReader
from safetensors import safe_open


def read_safetensors(path):
    with safe_open(path, framework="numpy") as file:
        for key in file.keys():
            file.get_slice(key).get_shape()


READERS = {"safetensors": read_safetensors, "gguf": GGUFReader}

# What they print is for people.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

for line in sys.stdin:
    kind, path = line.rstrip("\n").split(" ", 1)
    try:
        READERS[kind](path)
        answer = "ok"
    except BaseException as error:  # The Rust side panics with an exception of its own.
        answer = "no " + f"{type(error).__name__}: {error}".replace("\n", " ")[:300]
    answers.write(answer + "\n")
    answers.flush()
