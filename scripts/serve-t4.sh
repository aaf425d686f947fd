#!/usr/bin/env bash
# Starts vLLM as NVIDIA T4s need it. docs/t4.md has the sources of what is said here.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/serve-t4.sh MODEL [--print] [flags of vllm serve...]

Starts `vllm serve MODEL` on all T4s of this machine: checks vLLM and the GPUs, says each flag and its reason, and
becomes the server. A flag that you give takes the place of the one chosen here.

  --print   show the command, do not start it
  -h        this text

Examples:
  scripts/serve-t4.sh AI-MO/NuminaMath-7B-TIR-GPTQ
  scripts/serve-t4.sh ~/models/mine --served-model-name mine --port 8001
  scripts/serve-t4.sh MODEL --tensor-parallel-size 1       # one GPU, with CUDA_VISIBLE_DEVICES=0 or 1
  scripts/serve-t4.sh MODEL --enforce-eager                # slower; where CUDA graphs take too much memory

Then: sctir doctor CONFIG. On a T4 a server may start and fail at its first request.
TEXT
}

say() { printf '%s\n' "$*" >&2; }
warn() { say "warning: $*"; }
die() { # what is wrong, what to do next
  say "serve-t4: $1"
  say "  → $2"
  exit "${3:-2}"
}

model=
print_only=no
user_flags=()
for argument in "$@"; do
  case $argument in
    -h | --help)
      usage
      exit 0
      ;;
    --print) print_only=yes ;;
    *)
      # The first word is the model; all that follows is vLLM's.
      if [ -n "$model" ]; then user_flags+=("$argument"); else model=$argument; fi
      ;;
  esac
done
case $model in
  '') die "which model?" "Give the name of a model or its folder: scripts/serve-t4.sh MODEL. -h shows examples." ;;
  -*) die "the model comes first, found $model" "scripts/serve-t4.sh MODEL $model ..." ;;
esac

# Whether the user gave a flag, as --flag VALUE, --flag=VALUE, with underscores, or negated (--no-flag).
given() {
  local flag
  for flag in ${user_flags[@]+"${user_flags[@]}"}; do
    flag=${flag%%=*}
    flag=${flag//_/-}
    [ "$flag" = "$1" ] || [ "$flag" = "--no-${1#--}" ] && return 0
    case "$1 $flag" in
      '--tensor-parallel-size -tp' | '--attention-backend -ac'* | '--attention-backend --attention-config'*) return 0 ;;
    esac
  done
  return 1
}

command -v vllm >/dev/null ||
  die "there is no vllm on PATH" "pip install vllm (0.10.2 or newer), or activate the environment it is in." 3
command -v nvidia-smi >/dev/null ||
  die "there is no nvidia-smi on PATH, so no NVIDIA driver" "Run this where the GPUs are, with their driver installed." 3

# Whether version $1 is older than $2, by their first three numbers.
older() {
  local IFS=. index
  local -a left right
  read -r -a left <<<"${1%%[!0-9.]*}"
  read -r -a right <<<"$2"
  for index in 0 1 2; do
    [ "$((10#${left[index]:-0}))" -lt "$((10#${right[index]:-0}))" ] && return 0
    [ "$((10#${left[index]:-0}))" -gt "$((10#${right[index]:-0}))" ] && return 1
  done
  return 1
}

version=$(vllm --version 2>/dev/null | grep -Eo '[0-9]+\.[0-9]+(\.[0-9]+)?[^ ]*' | tail -n 1) || version=
if [ -z "$version" ]; then
  warn "vllm --version says nothing that looks like a version; 0.10.2 or newer is taken for granted"
elif older "$version" 0.10.2; then
  warn "vLLM $version: before 0.10.2 its present engine (V1) does not run on a T4, and it falls back to the old one (V0)"
else
  say "vLLM $version"
fi

gpus=$(nvidia-smi --query-gpu=name,memory.total --format=csv,noheader) ||
  die "nvidia-smi failed: $gpus" "See what nvidia-smi says on its own; the driver may not be loaded." 3
count=$(printf '%s' "$gpus" | grep -c . || true)
[ "$count" -gt 0 ] || die "nvidia-smi sees no GPU" "Switch one on: GPU T4 x2." 3
say "GPUs: $(printf '%s' "$gpus" | sort | uniq -c | sed 's/^ *//' | paste -sd ';' -)"
others=$(printf '%s\n' "$gpus" | grep -v 'T4' || true)
case $others in
  '') ;;
  *P100*) die "vLLM does not run on a P100 (compute capability 6.0, and 7.5 is needed)" "Choose GPU T4 x2 as accelerator." 3 ;;
  *) warn "not a T4: $(printf '%s' "$others" | paste -sd ';' -). A newer GPU is faster without these flags: vllm serve MODEL" ;;
esac
if [ -n "${CUDA_VISIBLE_DEVICES-}" ]; then
  count=$(printf '%s' "$CUDA_VISIBLE_DEVICES" | tr ',' '\n' | grep -c .)
  say "CUDA_VISIBLE_DEVICES=$CUDA_VISIBLE_DEVICES leaves $count"
fi

flags=()
# choose REASON FLAG [VALUE]: a flag of ours, unless the user has given it.
choose() {
  local reason=$1
  shift
  if given "$1"; then
    say "  $* - left to yours"
    return
  fi
  flags+=("$@")
  say "  $* - $reason"
}

say "flags:"
choose "a T4 has no bfloat16" --dtype half
choose "all GPUs hold a part of each layer; must divide the model's heads" --tensor-parallel-size "$count"
choose "4,096 tokens are what the winning recipe had, and 16 GB allow" --max-model-len 4096
choose "what is not used is lost to the KV cache; lower it if memory runs out" --gpu-memory-utilization 0.92
choose "the recipe's 48 candidates at once" --max-num-seqs 48
if [ "$count" -gt 1 ]; then
  choose "it needs peer access between GPUs, which T4s on PCIe rarely have" --disable-custom-all-reduce
fi
choose "no sampling defaults or stop tokens from the model's files" --generation-config vllm
choose "sctir records how much of a prompt was cached" --enable-prompt-tokens-details
choose "whoever reaches the port uses the GPUs" --host 127.0.0.1
choose "fp16: an fp8 cache does not compile on a T4" --kv-cache-dtype auto
if [ -n "$version" ] && older "$version" 0.13.0; then
  say "  no --attention-backend, which came with vLLM 0.13: it chooses one for itself"
else
  choose "of vLLM's attention kernels, those that run below compute capability 8.0" --attention-backend TRITON_ATTN
fi
if given --quantization || given -q; then
  warn "--quantization: vLLM finds the best kernel by itself; --quantization gptq forces the slow one"
fi
say "If it hangs while the GPUs connect (NCCL): NCCL_P2P_DISABLE=1 scripts/serve-t4.sh ..."

command=(vllm serve "$model" "${flags[@]}" ${user_flags[@]+"${user_flags[@]}"})
say ""
printf '%q ' "${command[@]}" | sed 's/ $//'
printf '\n'
[ "$print_only" = yes ] || exec "${command[@]}"
