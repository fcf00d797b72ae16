"""The networks the benchmarks run: published sizes with random weights, as inference runs them."""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "assets/models"))
from mednext import Block, MedNeXt  # noqa: E402

# Expansion ratios and blocks of the nine stages.
MIDDLE, LARGE = [2, 3, 4, 4, 4, 4, 4, 3, 2], [3, 4, 8, 8, 8, 8, 8, 4, 3]
PRESETS = {"v2-s": ([2] * 9, [2] * 9), "v2-b": (MIDDLE, [2] * 9), "v2-base": (LARGE, LARGE)}
CLASSES = 3
WIDTH = 32


class DownWithoutGrn(Block):
    """The first downsampling block, from which the published v2 code leaves GRN out."""

    def __init__(self, channels_in, channels_out, ratio):
        super().__init__(channels_in, channels_out, ratio, kind="down")
        del self.grn_gamma, self.grn_beta

    def forward(self, x):
        return self.conv3(F.gelu(self.conv2(self.norm(self.conv1(x))))) + self.res_conv(x)


class Main(nn.Module):
    """A network with one result, its main head's."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        for level in range(1, 5):
            network.add_module(f"out_{level}", nn.Identity())

    def forward(self, x):
        return self.network(x)[0]


def build(preset, kernel=3, seed=1):
    """PyTorch's own initial weights, but instance norms and GRN drawn too, for both start as something simpler than they do."""
    torch.manual_seed(seed)
    ratios, blocks = PRESETS[preset]
    network = MedNeXt(1, CLASSES, WIDTH, ratios, blocks)
    network.down_0 = DownWithoutGrn(WIDTH, 2 * WIDTH, ratios[1])
    for block in [module for module in network.modules() if isinstance(module, Block)]:
        old = block.conv1
        block.conv1 = type(old)(old.in_channels, old.out_channels, kernel, old.stride, kernel // 2, groups=old.groups)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "grn_" in name or name.endswith("norm.bias"):
                parameter.normal_(0, 0.3)
            elif name.endswith("norm.weight"):
                parameter.normal_(1, 0.3)
    return Main(network).eval()
