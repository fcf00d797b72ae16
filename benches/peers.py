"""One tile of MedNeXt-v2 through Voxelry and its peers, in turns on one machine, with ratios.

    cargo build --release
    pip install torch onnx onnxruntime openvino
    python benches/peers.py --patch 64 --rounds 3

Every figure is processor seconds of one forward pass (all threads together), which other work on the machine disturbs least;
wall seconds stand beside. The network is the one of assets/models/mednext.py with random weights, without auxiliary heads.
"""

import argparse
import copy
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "assets/models"))
from mednext import MedNeXt  # noqa: E402

PRESETS = {
    "v2-s": ([2] * 9, [2] * 9),
    "v2-b": ([2, 3, 4, 4, 4, 4, 4, 3, 2], [2] * 9),
    "v2-base": ([3, 4, 8, 8, 8, 8, 8, 4, 3], [3, 4, 8, 8, 8, 8, 8, 4, 3]),
}


class Main(torch.nn.Module):
    """The network without its auxiliary heads' results."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x)[0]


def timed(run):
    """(processor seconds, wall seconds) of one call."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    run()
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - started
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def voxelry(program, preset, patch, device):
    """One measured tile by the program itself; its first, cold tile does not count, as the peers' warm-up does not."""
    command = [program, "bench", "--preset", preset, "--patch", str(patch), "--repeat", "1", "--device", device, "--json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["report"]
    tile = report["tiles"][0]
    return tile["cpu_seconds"], tile["wall_seconds"]


def peers(network, x, threads):
    """Name to a function of no arguments that runs one forward pass."""
    import onnxruntime
    import openvino

    runs = {}
    contiguous = x.contiguous()
    last = x.to(memory_format=torch.channels_last_3d)
    runs[f"PyTorch {torch.__version__} eager"] = lambda: network(contiguous)
    network_last = copy.deepcopy(network).to(memory_format=torch.channels_last_3d)
    runs[f"PyTorch {torch.__version__} eager, channels last"] = lambda: network_last(last)

    path = Path(tempfile.mkdtemp()) / "network.onnx"
    torch.onnx.export(network, x, str(path), input_names=["x"], output_names=["y"], opset_version=17, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    runs[f"ONNX Runtime {onnxruntime.__version__}"] = lambda: session.run(None, {"x": x.numpy()})

    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    runs[f"OpenVINO {openvino.__version__.split('-')[0]} f32"] = lambda: compiled({"x": x.numpy()})
    return runs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "target/release/voxelry"))
    parser.add_argument("--preset", choices=PRESETS, default="v2-base")
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", help="Voxelry's device")
    arguments = parser.parse_args()

    threads = os.cpu_count()
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    ratios, blocks = PRESETS[arguments.preset]
    network = Main(MedNeXt(1, 3, 32, ratios, blocks)).eval()
    x = torch.randn(1, 1, *[arguments.patch] * 3)
    with torch.inference_mode():
        runs = peers(network, x, threads)
        for run in runs.values():
            run()
        seconds = {name: [] for name in ["Voxelry", *runs]}
        for _ in range(arguments.rounds):
            seconds["Voxelry"].append(voxelry(arguments.program, arguments.preset, arguments.patch, arguments.device))
            for name, run in runs.items():
                seconds[name].append(timed(run))

    print(f"{arguments.preset}, {arguments.patch}^3 tile, f32, {threads} threads, median of {arguments.rounds}, Voxelry on {arguments.device}")
    ours = statistics.median(cpu for cpu, _ in seconds["Voxelry"])
    print(f"{'':44} {'cpu s':>8} {'wall s':>8} {'x ours':>8}")
    for name, times in seconds.items():
        cpu, wall = (statistics.median(column) for column in zip(*times))
        print(f"{name:44} {cpu:8.2f} {wall:8.2f} {cpu / ours:8.2f}")


if __name__ == "__main__":
    main()
