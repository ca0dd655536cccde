"""Whether every tensor of a GGUF file is dequantised byte for byte as by `gguf`.

An ignored test writes a digest of each tensor's values (see gguf_model.py for how
it is run):

    python scripts/parity/gguf_tensors.py --gguf model.gguf --ours target/parity/model
"""

import argparse
import hashlib
import json
import pathlib
import sys

import gguf
import numpy
from gguf.quants import dequantize


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--ours", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    ours = json.loads((arguments.ours / "digests.json").read_text())
    tensors = gguf.GGUFReader(arguments.gguf).tensors
    values, differ = 0, []
    for tensor in tensors:
        expected = dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        shape = [int(axis) for axis in reversed(tensor.shape)]
        digest = hashlib.sha256(numpy.ascontiguousarray(expected)).hexdigest()
        if ours.get(tensor.name) != [shape, digest]:
            differ.append(tensor.name)
        values += expected.size
    if len(ours) != len(tensors) or differ:
        sys.exit(f"{len(ours)} of {len(tensors)} tensors, these differ: {differ[:5]}")
    print(f"{len(tensors)} tensors, {values:,} values equal byte for byte")


if __name__ == "__main__":
    main()
