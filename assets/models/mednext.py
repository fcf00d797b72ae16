"""MedNeXt-v2 as published, small enough to read at a glance.

Parameter names are those of the public code, so that a state dict loads wherever a published checkpoint would.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Depthwise convolution, instance norm, expand, GELU, global response normalisation, compress, residual."""

    def __init__(self, channels_in, channels_out, ratio, kernel=3, kind="same"):
        super().__init__()
        self.kind = kind
        hidden = channels_in * ratio
        stride = 1 if kind == "same" else 2
        conv = nn.ConvTranspose3d if kind == "up" else nn.Conv3d
        self.grn_beta = nn.Parameter(torch.zeros(1, hidden, 1, 1, 1))
        self.grn_gamma = nn.Parameter(torch.zeros(1, hidden, 1, 1, 1))
        self.conv1 = conv(channels_in, channels_in, kernel, stride, kernel // 2, groups=channels_in)
        self.norm = nn.GroupNorm(channels_in, channels_in)
        self.conv2 = nn.Conv3d(channels_in, hidden, 1)
        self.conv3 = nn.Conv3d(hidden, channels_out, 1)
        if kind != "same":
            self.res_conv = conv(channels_in, channels_out, 1, stride)

    def forward(self, x):
        y = F.gelu(self.conv2(self.norm(self.conv1(x))))
        response = y.square().sum((2, 3, 4), keepdim=True).add(1e-12).sqrt()
        response = response / (response.mean(1, keepdim=True) + 1e-6)
        y = self.conv3(self.grn_gamma * (y * response) + self.grn_beta + y)
        if self.kind == "same":
            return x + y
        residual = self.res_conv(x)
        if self.kind == "down":
            return y + residual
        # A transposed convolution of stride 2 gives 2n-1 voxels; the missing plane is in front.
        return F.pad(y, (1, 0, 1, 0, 1, 0)) + F.pad(residual, (1, 0, 1, 0, 1, 0))


class Head(nn.Module):
    """Class scores per voxel."""

    def __init__(self, channels, classes):
        super().__init__()
        self.conv_out = nn.ConvTranspose3d(channels, classes, 1)

    def forward(self, x):
        return self.conv_out(x)


class MedNeXt(nn.Module):
    """Encoder and decoder of five levels; returns the scores at full, 1/2, ... 1/16 resolution."""

    def __init__(self, channels, classes, width, ratios, blocks):
        super().__init__()
        widths = [width << level for level in range(5)]

        def stage(level, index):
            return nn.Sequential(*(Block(widths[level], widths[level], ratios[index]) for _ in range(blocks[index])))

        self.stem = nn.Conv3d(channels, width, 1)
        for level in range(4):
            self.add_module(f"enc_block_{level}", stage(level, level))
            self.add_module(f"down_{level}", Block(widths[level], widths[level + 1], ratios[level + 1], kind="down"))
        self.bottleneck = stage(4, 4)
        for level in reversed(range(4)):
            self.add_module(f"up_{level}", Block(widths[level + 1], widths[level], ratios[8 - level], kind="up"))
            self.add_module(f"dec_block_{level}", stage(level, 8 - level))
        for level in range(5):
            self.add_module(f"out_{level}", Head(widths[level], classes))
        self.dummy_tensor = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, x):
        module = self.get_submodule
        x = self.stem(x)
        skips, scores = [], []
        for level in range(4):
            x = module(f"enc_block_{level}")(x)
            skips.append(x)
            x = module(f"down_{level}")(x)
        x = self.bottleneck(x)
        scores.append(self.out_4(x))
        for level in reversed(range(4)):
            x = skips[level] + module(f"up_{level}")(x)
            x = module(f"dec_block_{level}")(x)
            scores.append(module(f"out_{level}")(x))
        return scores[::-1]
