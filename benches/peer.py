"""One peer in a process of its own, so that its memory is its own and goes when it ends; benches/peers.py drives it.

Prints what `voxelry bench --json` reports of itself: seconds of every tile after a first that does not count, and peak memory,
here without what Python and PyTorch take before there is a network.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import resource
import time
import warnings
from pathlib import Path

import torch

from network import CLASSES, PRESETS, build


def version(package):
    return importlib.metadata.version(package).split("-")[0]


def eager(arguments, x):
    network = build(arguments.preset, arguments.kernel)
    return f"PyTorch {version('torch')} eager", lambda: network(x)


def channels_last(arguments, x):
    network, x = (part.to(memory_format=torch.channels_last_3d) for part in (build(arguments.preset, arguments.kernel), x))
    return f"PyTorch {version('torch')} eager, channels last", lambda: network(x)


def onnx_runtime(arguments, x):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count()
    session = onnxruntime.InferenceSession(arguments.onnx, options, providers=["CPUExecutionProvider"])
    return f"ONNX Runtime {version('onnxruntime')}", lambda: session.run(None, {"x": x.numpy()})


def openvino(arguments, x):
    import openvino

    settings = {"INFERENCE_NUM_THREADS": os.cpu_count(), "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(arguments.onnx, "CPU", settings)
    return f"OpenVINO {version('openvino')} f32", lambda: compiled({"x": x.numpy()})


def cuda(arguments, x, half=False, compiled=False):
    """A tile is the upload, the network and the reading back of the scores, through pinned memory, as it is for Voxelry."""
    if not torch.cuda.is_available():
        raise SystemExit("this peer needs a CUDA device")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    network, x = build(arguments.preset, arguments.kernel).cuda(), x.pin_memory()
    if compiled:
        network = torch.compile(network)
    scores = torch.empty(1, CLASSES, *x.shape[2:]).pin_memory()

    def run():
        with torch.autocast("cuda", torch.float16) if half else contextlib.nullcontext():
            y = network(x.cuda(non_blocking=True))
        scores.copy_(y, non_blocking=True)
        torch.cuda.synchronize()

    kind = f"{'compiled' if compiled else 'eager'} {'AMP f16' if half else 'f32 without TF32'}"
    return f"PyTorch {version('torch')} {torch.cuda.get_device_name()} {kind}", run


# Each makes the name to print and the function that runs one tile.
PEERS = {
    "eager": eager,
    "channels-last": channels_last,
    "onnxruntime": onnx_runtime,
    "openvino": openvino,
    "cuda": cuda,
    "cuda-amp": lambda arguments, x: cuda(arguments, x, half=True),
    "cuda-compile": lambda arguments, x: cuda(arguments, x, compiled=True),
    "cuda-amp-compile": lambda arguments, x: cuda(arguments, x, half=True, compiled=True),
}
NEEDS_ONNX = ("onnxruntime", "openvino")


def export(arguments, x):
    # Tracing is deprecated in favour of a converter that needs more packages; the network has no control flow to lose.
    warnings.simplefilter("ignore")
    names = {"input_names": ["x"], "output_names": ["y"]}
    network = build(arguments.preset, arguments.kernel)
    # With gradients, tracing would keep every activation: more than 20 GiB at 128^3.
    with torch.no_grad():
        torch.onnx.export(network, x, arguments.onnx, **names, opset_version=17, dynamo=False)


def peak_mib():
    """High-water mark of resident memory (Linux). Unlike rusage's it does not start at the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) >> 10


def timed(run):
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    run()
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_seconds": processor, "wall_seconds": wall}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=[*PEERS, "export"])
    parser.add_argument("--preset", choices=PRESETS, required=True)
    parser.add_argument("--kernel", type=int, required=True)
    parser.add_argument("--patch", type=int, required=True)
    parser.add_argument("--repeat", type=int, required=True)
    parser.add_argument("--onnx", required=True, help="network file, written by `export`")
    arguments = parser.parse_args()

    torch.set_num_threads(os.cpu_count())
    x = torch.randn(1, 1, *[arguments.patch] * 3)
    if arguments.peer == "export":
        export(arguments, x)
        return
    before = peak_mib()
    with torch.inference_mode():
        name, run = PEERS[arguments.peer](arguments, x)
        run()
        tiles = [timed(run) for _ in range(arguments.repeat)]
    report = {"device": name, "tiles": tiles, "peak_process_mib": peak_mib() - before}
    if torch.cuda.is_initialized():
        report["device_mib"] = torch.cuda.max_memory_reserved() >> 20
    print(json.dumps(report))


if __name__ == "__main__":
    main()
