"""Resampling of images (order 3) and logits (order 1) through Voxelry and nnU-Net v2 (scikit-image, scipy), in turns, with ratios.

    cargo build --release -p pipeline --example resample
    pip install nnunetv2
    python benches/resample.py --rounds 3

nnU-Net's side is its own `resample_data_or_seg_to_shape`. Seconds are of the resampling alone, without reading and writing.
Both results are compared, relative to the largest value.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape

ROOT = Path(__file__).resolve().parent.parent

# name: channels, size, new size, spacing, new spacing, order
CASES = {
    "CT 120x512x512 to 1.5 mm, thick slices, order 3": (1, (120, 512, 512), (200, 273, 273), (2.5, 0.8, 0.8), (1.5, 1.5, 1.5), 3),
    "CT 160x512x512 to 1.5 mm, order 3": (1, (160, 512, 512), (213, 273, 273), (2.0, 0.8, 0.8), (1.5, 1.5, 1.5), 3),
    "image 256^3 to 192^3, order 3": (1, (256,) * 3, (192,) * 3, (1.0,) * 3, (4 / 3,) * 3, 3),
    "4 classes 160^3 to 256^3, order 1": (4, (160,) * 3, (256,) * 3, (1.6,) * 3, (1.0,) * 3, 1),
    "4 classes 200x273x273 to 120x512x512, thick slices, order 1": (
        (4, (200, 273, 273), (120, 512, 512), (1.5, 1.5, 1.5), (5.0, 0.8, 0.8), 1)
    ),
}


def voxelry(program, case, data, folder):
    """(processor seconds, wall seconds), result."""
    channels, size, new_size, spacing, new_spacing, order = case
    data.tofile(folder / "in.f32")
    lists = [",".join(map(str, values)) for values in (size, new_size, spacing, new_spacing)]
    command = [program, folder / "in.f32", folder / "out.f32", str(channels), *lists, str(order)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    result = np.fromfile(folder / "out.f32", np.float32).reshape(channels, *new_size)
    return (report["cpu_seconds"], report["wall_seconds"]), result


def nnunet(case, data):
    """(processor seconds, wall seconds), result."""
    _, _, new_size, spacing, new_spacing, order = case
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = resample_data_or_seg_to_shape(data, new_size, spacing, new_spacing, False, order, 0, None)
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - started
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall), result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "target/release/examples/resample"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    arguments = parser.parse_args()

    print(f"{os.cpu_count()} cores, median of {arguments.rounds}; x: nnU-Net's seconds over ours")
    print(f"{'':60} {'cpu s':>7} {'wall s':>7} {'nnU cpu':>8} {'nnU wall':>8} {'x cpu':>6} {'x wall':>6} {'differ':>8}")
    for name, case in CASES.items():
        if arguments.only not in name:
            continue
        data = np.random.default_rng(1).normal(size=(case[0], *case[1])).astype(np.float32)
        ours, theirs = [], []
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(arguments.rounds):
                times, found = voxelry(arguments.program, case, data, Path(folder))
                ours.append(times)
                times, expected = nnunet(case, data)
                theirs.append(times)
        worst = np.abs(found - expected).max() / np.abs(expected).max()
        (cpu, wall), (peer_cpu, peer_wall) = ([statistics.median(column) for column in zip(*times)] for times in (ours, theirs))
        columns = f"{cpu:7.2f} {wall:7.2f} {peer_cpu:8.2f} {peer_wall:8.2f} {peer_cpu / cpu:6.1f} {peer_wall / wall:6.1f} {worst:8.1e}"
        print(f"{name:60} {columns}", flush=True)


if __name__ == "__main__":
    main()
