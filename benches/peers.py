"""One tile of MedNeXt-v2 through Voxelry and its peers, in turns on one machine, with ratios.

    cargo build --release
    pip install -r benches/requirements.txt
    python benches/peers.py --patch 64 --rounds 3

On a processor the figure is processor seconds of one forward pass (all threads together), which other work on the machine
disturbs least; wall seconds stand beside. Every contestant runs in a process of its own that ends with its turn, as a 128^3
tile takes PyTorch 5 GiB, and its first tile does not count. Memory is the peak of that process, for Python without its libraries.

On a machine with CUDA the figure is wall seconds of upload, network and reading back, and memory is what is taken on the device:

    python benches/peers.py --device gpu --patch 128 --rounds 3 --repeat 10
    python benches/peers.py --device gpu --precision f16 --patch 128 --rounds 3 --repeat 10

Without CUDA `--device gpu` is a software adapter, and the peer is burn on the same one; benches/burn/main.rs says how to build it.
There burn can hold v2-base up to 48^3, and the smaller presets up to 64^3:

    python benches/peers.py --device gpu --patch 48 --rounds 3
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from network import PRESETS, ROOT
from peer import NEEDS_ONNX, PEERS

ON_CPU = ["eager", "channels-last", "onnxruntime", "openvino"]
ON_CUDA = ["cuda", "cuda-amp", "cuda-compile", "cuda-amp-compile"]
ON_SOFTWARE_ADAPTER = ["burn"]


def run(command):
    finished = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    if finished.returncode != 0:
        raise SystemExit(f"{command[0]} failed; the command was: {' '.join(str(part) for part in command)}")
    return finished.stdout


def commands(arguments, onnx):
    """Name to the command that measures it and prints a report."""
    network = ["--preset", arguments.preset, "--kernel", arguments.kernel, "--patch", arguments.patch, "--repeat", arguments.repeat]
    precision = ["--precision", arguments.precision] if arguments.precision else []
    found = {"Voxelry": [arguments.program, "bench", *network, "--device", arguments.device, *precision, "--json"]}
    for peer in arguments.peers:
        if peer.startswith("burn"):
            how = ["--pointwise", "matmul" if peer == "burn-matmul" else "conv"]
            found[peer] = [arguments.burn, *network, *how]
        else:
            found[peer] = [sys.executable, ROOT / "benches/peer.py", peer, *network, "--onnx", onnx]
    return found


def measure(command):
    """What to call it, its tiles and its memory (MiB)."""
    report = json.loads(run(command))
    report = report.get("report", report)
    name = report["device"]
    if "plan_mib" in report:
        name = f"Voxelry on {name}"
    elif "burn" in Path(command[0]).name:
        name = f"burn on {name}, {report['network'].rsplit(', ', 1)[1]}"
    return name, report


def memory_mib(report, by_wall):
    on_device = report.get("device_mib", report.get("plan_mib"))
    return on_device if by_wall else report["peak_process_mib"]


def default_peers(device, has_cuda):
    if device == "cpu":
        return ON_CPU
    return ON_CUDA if has_cuda else ON_SOFTWARE_ADAPTER


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/voxelry")
    parser.add_argument("--burn", type=Path, default=ROOT / "target/burn/release/burn-peer")
    parser.add_argument("--preset", choices=PRESETS, default="v2-base")
    parser.add_argument("--kernel", type=int, choices=[3, 5], default=3)
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3, help="turns of every contestant")
    parser.add_argument("--repeat", type=int, default=1, help="measured tiles of a turn")
    parser.add_argument("--device", default="cpu", help="Voxelry's device: cpu, gpu or gpu:N")
    parser.add_argument("--precision", choices=["f32", "f16"], help="Voxelry's precision")
    parser.add_argument("--peers", nargs="*", choices=[*PEERS, "burn", "burn-matmul"], help="default: those fit for the device")
    arguments = parser.parse_args()
    has_cuda = torch.cuda.is_available()
    if arguments.peers is None:
        arguments.peers = default_peers(arguments.device, has_cuda)
    by_wall = has_cuda and arguments.device != "cpu"

    with tempfile.TemporaryDirectory() as folder:
        contestants = commands(arguments, Path(folder) / "network.onnx")
        for peer in [peer for peer in arguments.peers if peer in NEEDS_ONNX][:1]:
            run(["export" if part == peer else part for part in contestants[peer]])
        reports = {peer: [] for peer in contestants}
        for _ in range(arguments.rounds):
            for peer, command in contestants.items():
                reports[peer].append(measure(command))

    rows = {}
    for turns in reports.values():
        tiles = [tile for _, report in turns for tile in report["tiles"]]
        cpu, wall = (statistics.median(tile[key] for tile in tiles) for key in ("cpu_seconds", "wall_seconds"))
        rows[turns[0][0]] = cpu, wall, max(memory_mib(report, by_wall) for _, report in turns)
    print(f"{arguments.preset}, kernel {arguments.kernel}, {arguments.patch}^3 tile, {os.cpu_count()} processors,", end=" ")
    print(f"median of {arguments.rounds} x {arguments.repeat}, Voxelry in {arguments.precision or 'f32'}")
    print(f"{'':64} {'cpu s':>8} {'wall s':>8} {'x ours':>8} {'MiB':>7}")
    ours = next(iter(rows.values()))[by_wall]
    for name, (cpu, wall, mib) in rows.items():
        print(f"{name:64} {cpu:8.3f} {wall:8.3f} {(cpu, wall)[by_wall] / ours:8.2f} {mib:7}")


if __name__ == "__main__":
    main()
