"""A BERT from its ONNX export to a sentence-transformers directory.

    python scripts/parity/onnx_encoder.py --onnx FOLDER --out FOLDER

The folder holds config.json, tokenizer files and onnx/model.onnx in single precision.
The exporter gave the weights of matrix products no name of their own and stored them
as [in, out]; the name of the node that uses one says which it is. Fails if the states
that transformers computes from the result are not those of the ONNX graph, run by
onnx's reference evaluator. What follows the states the export does not say: mean
pooling, unit length, and texts as long as there are positions are written.
"""

import argparse
import json
import pathlib
import shutil
import sys

import numpy
import onnx
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import save_file
from transformers import AutoModel, AutoTokenizer

BOUND = 1e-4
PROBES = ["Two coffees at the corner shop.", "漢字 and 🦀: " + "many words, " * 20]


def weights(graph):
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    named = {name: value for name, value in stored.items() if not name.startswith("onnx::")}
    for node in graph.node:
        for name in node.input if node.op_type == "MatMul" else []:
            if name in stored:
                # /encoder/layer.0/attention/self/query/MatMul
                place = node.name.strip("/").removesuffix("/MatMul").replace("/", ".")
                named[f"{place}.weight"] = stored[name].T
    if len(named) != len(stored):
        sys.exit(f"{len(stored)} tensors in the file, {len(named)} understood")
    return {name: numpy.ascontiguousarray(value) for name, value in named.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--onnx", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    out = arguments.out
    (out / "1_Pooling").mkdir(parents=True, exist_ok=True)
    for file in arguments.onnx.iterdir():
        if file.is_file():
            shutil.copy(file, out / file.name)
    config = json.loads((out / "config.json").read_text())
    model = onnx.load(arguments.onnx / "onnx" / "model.onnx")
    save_file(weights(model.graph), out / "model.safetensors", metadata={"format": "pt"})

    kind = "sentence_transformers.models"
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        dict(idx=at, name=str(at), path=path, type=f"{kind}.{name}")
        for at, (path, name) in enumerate(modules)
    ]
    write = lambda name, value: (out / name).write_text(json.dumps(value, indent=2) + "\n")
    write("modules.json", modules)
    pooling = dict(word_embedding_dimension=config["hidden_size"], pooling_mode_mean_tokens=True)
    write("1_Pooling/config.json", pooling)
    longest = config["max_position_embeddings"]
    write("sentence_bert_config.json", dict(max_seq_length=longest, do_lower_case=False))

    graph = ReferenceEvaluator(model)
    tokenizer = AutoTokenizer.from_pretrained(out)
    bert = AutoModel.from_pretrained(out, attn_implementation="eager").eval()
    worst = 0.0
    for text in PROBES:
        inputs = tokenizer(text, return_tensors="pt")
        (expected,) = graph.run(["last_hidden_state"], {k: v.numpy() for k, v in inputs.items()})
        with torch.no_grad():
            states = bert(**inputs).last_hidden_state.numpy()
        worst = max(worst, float(numpy.abs(states - expected).max()))
    print(f"states of the ONNX graph: max abs {worst:.2e} (bound {BOUND:.0e})")
    sys.exit(not worst <= BOUND)


if __name__ == "__main__":
    main()
