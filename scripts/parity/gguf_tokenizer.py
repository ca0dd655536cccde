"""Whether the tokenizer rebuilt from a GGUF file gives a reference's ids.

An ignored test writes the ids of the texts of texts.py (see gguf_model.py for how
it is run). The reference is the published tokenizer.json, or without one
llama.cpp, which the package xllamacpp holds:

    python scripts/parity/gguf_tokenizer.py --gguf model.gguf --ours target/parity/model \
        --published tokenizer.json

llama.cpp leaves out the normalisation of Qwen's tokenizer, so it is no reference
there.
"""

import argparse
import json
import pathlib
import sys
import urllib.request


def published(path, texts):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


def llama(path, texts):
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = 256
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = 1
    parameters.warmup = False
    # Its functions are reached through its server, on this machine.
    server = xllamacpp.Server(parameters)
    address = server.listening_address
    address = address if address.startswith("http") else f"http://{address}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    ids = []
    for text in texts:
        body = dict(content=text, add_special=False, parse_special=True)
        request = urllib.request.Request(
            f"{address}/tokenize",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        ids.append(json.loads(opener.open(request).read())["tokens"])
    return ids


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--ours", type=pathlib.Path, required=True)
    parser.add_argument("--published", type=pathlib.Path)
    arguments = parser.parse_args()
    texts = json.loads((arguments.ours / "texts.json").read_text())
    ours = json.loads((arguments.ours / "ids.json").read_text())
    if arguments.published:
        name, expected = "tokenizer.json", published(arguments.published, texts)
    else:
        name, expected = "llama.cpp", llama(arguments.gguf, texts)
    places = range(len(texts))
    differ = [place for place in places if ours[place] != expected[place]]
    for place in differ[:5]:
        print(f"{texts[place]!r}: {ours[place]}, {name} has {expected[place]}")
    tokens = sum(map(len, expected))
    print(f"{len(texts)} texts, {tokens} tokens: {len(differ)} differ from {name}", flush=True)
    sys.exit(bool(differ) or len(ours) != len(texts))


if __name__ == "__main__":
    main()
