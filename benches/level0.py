"""One block of MedNeXt-v2's first level, 32 channels expanded to 96: Voxelry's WGSL on a device beside PyTorch eager on the processor.

    cargo build --release -p engine --example tile
    pip install -r benches/requirements.txt
    python benches/level0.py --patch 64

Voxelry's figure is a difference: a network with many blocks in its first level less one with a single block there, so that drivers,
compilation, the other levels and reading and writing files cancel. Both sides are processor seconds, and take turns.
"""

import argparse
import os
import resource
import statistics
import subprocess
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from network import CLASSES, ROOT, WIDTH, Block, MedNeXt
from peer import timed, version

RATIO = 3
# Blocks in the first level of the two networks.
FEW, MANY = 1, 17


def randomized(module):
    """Instance norms and GRN drawn too, as benches/network.py does."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "grn_" in name or name.endswith("norm.bias"):
                parameter.normal_(0, 0.3)
            elif name.endswith("norm.weight"):
                parameter.normal_(1, 0.3)
    return module.eval()


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def voxelry(arguments, folder, blocks):
    """Processor seconds of a process that runs one tile of a network with so many blocks, and what it calls its device."""
    files = [folder / f"{blocks}.safetensors", folder / "image.f32", folder / "scores.f32"]
    command = [arguments.program, arguments.device, "f32", arguments.patch, *files]
    before = children_seconds()
    said = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
    return children_seconds() - before, said.split(", f32,")[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/examples/tile")
    parser.add_argument("--device", default="gpu", help="Voxelry's device; on a processor's seconds only software adapters compare")
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    torch.manual_seed(1)
    patch = [arguments.patch] * 3
    plain = torch.randn(1, WIDTH, *patch)
    last = plain.to(memory_format=torch.channels_last_3d)
    block = randomized(Block(WIDTH, WIDTH, RATIO))
    block_last = randomized(Block(WIDTH, WIDTH, RATIO)).to(memory_format=torch.channels_last_3d)
    eager = f"PyTorch {version('torch')} eager"
    peers = {eager: lambda: block(plain), f"{eager}, channels last": lambda: block_last(last)}
    seconds = {name: [] for name in ["Voxelry", *peers]}
    with torch.inference_mode(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.randn(1, 1, *patch).numpy().tofile(folder / "image.f32")
        for blocks in (FEW, MANY):
            network = randomized(MedNeXt(1, CLASSES, WIDTH, [RATIO] + [2] * 8, [blocks] + [0] * 8))
            save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, folder / f"{blocks}.safetensors")
            # Fills the driver's cache of compiled kernels.
            voxelry(arguments, folder, blocks)
        for run in peers.values():
            run()
        for _ in range(arguments.rounds):
            (few, _), (many, device) = (voxelry(arguments, folder, blocks) for blocks in (FEW, MANY))
            seconds["Voxelry"].append((many - few) / (MANY - FEW))
            for peer, run in peers.items():
                seconds[peer].append(timed(run)["cpu_seconds"])

    ours = statistics.median(seconds["Voxelry"])
    print(f"one block of 32 channels expanded to {32 * RATIO}, {arguments.patch}^3 voxels, {os.cpu_count()} processors,", end=" ")
    print(f"median of {arguments.rounds}, processor seconds")
    print(f"{'':64} {'cpu s':>8} {'x ours':>8}")
    for name, turns in seconds.items():
        name = f"Voxelry on {device}" if name == "Voxelry" else name
        print(f"{name:64} {statistics.median(turns):8.3f} {statistics.median(turns) / ours:8.2f}")


if __name__ == "__main__":
    main()
