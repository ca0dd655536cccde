#!/bin/sh
# A decoder of 0.5 B on a GPU beside PyTorch: forward passes and LoRA steps in bf16 at two shapes,
# each path of ours and PyTorch eager and compiled, then users per second of a fresh small model.
# Every line of the result is one measurement in JSON, with the share of the card's peak where
# PEAK_TFLOPS says it. At most ten minutes: what does not fit into its share is left out and said.
#
#     PEAK_TFLOPS=989 scripts/bench/gpu.sh OUT.jsonl      # an H100 or H200, dense bf16
#     DEVICES=cpu TINY=1 scripts/bench/gpu.sh OUT.jsonl   # the same path on a CPU, in a minute
#
# Builds first (not in the ten minutes): the features of DEVICES, by default `cuda` and `vulkan`,
# with `fusion` and `autotune`. CUDA builds want LLVM (scripts/build/llvm_prefix.sh).
# PYTHON names an interpreter with torch; without one our side runs alone.
set -eu
cd "$(dirname "$0")/../.."
out=${1:?"usage: scripts/bench/gpu.sh OUT.jsonl"}
devices=${DEVICES:-"cuda vulkan"}
python=${PYTHON:-python3}
limit=${SECONDS_EACH:-45}
part=$(mktemp)
trap 'rm -f "$part"' EXIT
: >"$part"

features() {
    case $1 in
    cpu) echo cpu ;;
    *) echo "$1,fusion,autotune" ;;
    esac
}
# Where a feature's programs are built: beside others, so that they are not built again in turn.
target() {
    case $1 in
    cpu) echo target ;;
    *) echo "target/gpu-$1" ;;
    esac
}
# The name of the device that a feature is for.
device() {
    case $1 in
    vulkan) echo wgpu ;;
    *) echo "$1" ;;
    esac
}

if [ -n "${TINY:-}" ]; then
    precision=f32
    shapes="2x16 1x64"
    sizes="--hidden 64 --intermediate 96 --layers 2 --heads 4 --kv-heads 2 --vocab 500 --rank 4 --targets 4 --warmup 1 --steps 2"
    users="--size tiny --steps 2"
else
    precision=bf16
    shapes="64x256 8x2048"
    sizes="--warmup 3 --steps 10"
    users="--size small --steps 60"
fi
peak=${PEAK_TFLOPS:+--peak-tflops $PEAK_TFLOPS}

# measure NAME COMMAND...: runs it within its share of the time, and keeps its lines of JSON.
measure() {
    name=$1
    shift
    echo "$name ..." >&2
    if timeout "$limit" "$@" >"$part.one" 2>"$part.log"; then
        sed -n "s|^{|{\"path\": \"$name\", |p" "$part.one" | tee -a "$part"
    else
        code=$?
        reason=$(tail -n 1 "$part.log" | tr -d '"\\' | cut -c 1-200)
        echo "{\"path\": \"$name\", \"failed\": $code, \"reason\": \"$reason\"}" | tee -a "$part"
    fi
    rm -f "$part.one" "$part.log"
}

for feature in $devices; do
    cargo build --release --workspace --features "instructue-benches/$(features "$feature"),instructue-examples/$(features "$feature")" \
        --bin decoder_throughput --example train_userqa --target-dir "$(target "$feature")"
done
for shape in $shapes; do
    rows=${shape%x*}
    length=${shape#*x}
    common="--rows $rows --length $length --precision $precision $sizes $peak"
    for feature in $devices; do
        # shellcheck disable=SC2086 # arguments, one for each word
        measure "$feature $shape" "$(target "$feature")/release/decoder_throughput" \
            --device "$(device "$feature")" $common
    done
    if "$python" -c 'import torch' 2>/dev/null; then
        torch=$("$python" -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")')
        # shellcheck disable=SC2086
        measure "torch $shape" "$python" scripts/bench/decoder_throughput.py --device "$torch" $common
        # shellcheck disable=SC2086
        measure "torch compiled $shape" "$python" scripts/bench/decoder_throughput.py \
            --device "$torch" --compile $common
    else
        echo "no torch in $python: our side alone" >&2
    fi
done
for feature in $devices; do
    run=$(mktemp -d)
    name="users $feature"
    echo "$name ..." >&2
    # shellcheck disable=SC2086
    if timeout "$limit" "$(target "$feature")/release/examples/train_userqa" --data data/complete-journey \
        --device "$(device "$feature")" --out "$run/run" $users >"$part.log" 2>&1 || [ -s "$run/run/metrics.jsonl" ]; then
        # The second half of the steps: kernels are compiled and tuned by then.
        rate=$(sed -n 's/.*"phase":"train".*"users_per_second":\([0-9.]*\).*/\1/p' "$run/run/metrics.jsonl" |
            awk '{ v[NR] = $1 } END { for (i = int(NR / 2) + 1; i <= NR; i++) { s += v[i]; n++ } print n ? s / n : 0 }')
        echo "{\"path\": \"$name\", \"users_per_second\": $rate}" | tee -a "$part"
    else
        reason=$(tail -n 1 "$part.log" | tr -d '"\\' | cut -c 1-200)
        echo "{\"path\": \"$name\", \"failed\": 1, \"reason\": \"$reason\"}" | tee -a "$part"
    fi
    rm -rf "$run" "$part.log"
done
cp "$part" "$out"
echo "wrote $out" >&2
