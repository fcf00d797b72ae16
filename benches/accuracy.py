"""How far one tile of MedNeXt-v2 lies from the same tile in float64, for Voxelry and its peers.

    cargo build --release -p engine --example tile
    pip install -r benches/requirements.txt
    python benches/accuracy.py --patch 64

The truth is PyTorch in float64 on weights and an image that are exact in f32. With `--burn target/burn/release/burn-peer`
(its main.rs says how to build it) burn's generic operations are measured too.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from network import CLASSES, PRESETS, ROOT, build


def run_program(command, output, patch):
    """Scores that a program wrote, and what it calls its device."""
    said = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
    return np.fromfile(output, np.float32).reshape(CLASSES, patch, patch, patch).astype(np.float64), said


def differences(scores, truth):
    """Relative L2, largest difference over the largest value, share of voxels with another best class."""
    off = scores - truth
    changed = (scores.argmax(0) != truth.argmax(0)).mean()
    return np.linalg.norm(off) / np.linalg.norm(truth), np.abs(off).max() / np.abs(truth).max(), changed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/examples/tile")
    parser.add_argument("--burn", type=Path, help="burn-peer, to measure it too")
    parser.add_argument("--preset", choices=PRESETS, default="v2-base")
    parser.add_argument("--kernel", type=int, choices=[3, 5], default=3)
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--devices", nargs="*", default=["cpu:f32", "gpu:f32", "gpu:f16"], help="Voxelry's devices")
    arguments = parser.parse_args()
    patch = arguments.patch

    network = build(arguments.preset, arguments.kernel, arguments.seed)
    x = torch.randn(1, 1, patch, patch, patch)
    results = {}
    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        weights, image, output = (Path(folder) / name for name in ("weights.safetensors", "image.f32", "scores.f32"))
        save_file({name: tensor.contiguous() for name, tensor in network.network.state_dict().items()}, weights)
        x.numpy().tofile(image)
        for device, precision in (device.split(":") for device in arguments.devices):
            scores, said = run_program([arguments.program, device, precision, patch, weights, image, output], output, patch)
            results[f"Voxelry, {said.split(', MedNeXt')[0]}"] = scores
        if arguments.burn:
            shape = ["--preset", arguments.preset, "--kernel", arguments.kernel, "--patch", patch, "--repeat", 0]
            files = ["--weights", weights, "--input", image, "--output", output]
            results["burn 0.21.0 on wgpu"], _ = run_program([arguments.burn, *shape, *files], output, patch)
        results[f"PyTorch {torch.__version__} f32"] = network(x)[0].double().numpy()
        truth = network.double()(x.double())[0].numpy()

    print(f"{arguments.preset}, kernel {arguments.kernel}, {patch}^3 tile, seed {arguments.seed}, against PyTorch float64")
    print(f"{'':56} {'rel L2':>9} {'max/max':>9} {'argmax':>9}")
    for name, scores in results.items():
        relative, largest, changed = differences(scores, truth)
        print(f"{name:56} {relative:9.1e} {largest:9.1e} {changed:9.1e}")


if __name__ == "__main__":
    main()
