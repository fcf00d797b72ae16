"""Trains the demo model on phantoms and writes it as an nnU-Net v2 model folder.

README.md has the commands. Needs torch and nnunetv2, whose own resampling and tiling are used, so that the network sees
what it will see.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import SimpleITK
import torch
import torch.nn.functional as F
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window
from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape, resample_data_or_seg_to_shape

from mednext import MedNeXt

LABELS = ["background", "liver", "liver_lesion", "spleen", "kidney_right", "kidney_left", "stomach", "aorta", "spine", "lungs"]
DESCRIPTION = "Segments the synthetic abdomens of Voxelry's phantom generator. Never saw a patient; not for clinical use."
LUNGS = LABELS.index("lungs")
SPACING = (4.0, 3.5, 3.5)  # z, y, x in millimetres
PATCH = (48, 64, 64)
NETWORK = {"width": 8, "ratios": [2] * 9, "blocks": [1] * 9}
WARMUP = 100
TRAINER = "nnUNetTrainer_MedNeXtV2"
CONFIGURATION = "3d_fullres"


def read(path):
    image = SimpleITK.ReadImage(str(path))
    return SimpleITK.GetArrayFromImage(image), image.GetSpacing()[::-1]


def read_cases(folder):
    """(HU, labels, spacing) of every case of an nnU-Net raw folder."""
    cases = []
    for image in sorted((folder / "imagesTr").glob("*_0000.nii.gz")):
        hu, spacing = read(image)
        labels, _ = read(folder / "labelsTr" / image.name.replace("_0000.nii.gz", ".nii.gz"))
        cases.append((hu.astype(np.float32), labels.astype(np.uint8), spacing))
    return cases


def foreground_stats(cases):
    """Of the labelled tissue but the lungs, whose air would squeeze the organs' contrast to nothing."""
    values = np.concatenate([hu[(labels > 0) & (labels != LUNGS)] for hu, labels, _ in cases])
    low, median, high = np.percentile(values, [0.5, 50, 99.5])
    stats = {"mean": values.mean(), "std": values.std(), "percentile_00_5": low, "percentile_99_5": high}
    stats |= {"min": values.min(), "max": values.max(), "median": median}
    return {name: float(value) for name, value in stats.items()}


def preprocess(hu, spacing, stats):
    """nnU-Net's order: clip, centre, scale, then resample with cubic splines."""
    hu = np.clip(hu, stats["percentile_00_5"], stats["percentile_99_5"])
    hu = (hu - stats["mean"]) / max(stats["std"], 1e-8)
    shape = compute_new_shape(hu.shape, spacing, SPACING)
    return resample_data_or_seg_to_shape(hu[None], shape, spacing, SPACING, is_seg=False, order=3, order_z=0)[0]


def preprocess_labels(labels, spacing):
    shape = compute_new_shape(labels.shape, spacing, SPACING)
    return resample_data_or_seg_to_shape(labels[None], shape, spacing, SPACING, is_seg=True, order=1, order_z=0)[0]


class Patches:
    """Random patches, half of them centred on a random structure; turned, scaled and with their grey values disturbed."""

    def __init__(self, cases, stats, seed):
        self.rng = np.random.default_rng(seed)
        self.volumes = []
        for hu, labels, spacing in cases:
            image, target = preprocess(hu, spacing, stats), preprocess_labels(labels, spacing)
            places = [np.argwhere(target == value) for value in range(1, len(LABELS))]
            places = [self.rng.choice(place, min(len(place), 2000), replace=False) for place in places if len(place)]
            self.volumes.append((torch.from_numpy(image).float(), torch.from_numpy(target).float(), places))

    def centre(self, shape, places):
        if self.rng.random() < 0.5:
            place = places[self.rng.integers(len(places))]
            wanted = place[self.rng.integers(len(place))]
        else:
            wanted = self.rng.integers(0, shape)
        half = np.array(PATCH) // 2
        return np.clip(wanted, np.minimum(half, shape // 2), np.maximum(shape - half, shape // 2))

    def grid(self, shape, centre):
        """Sampling positions of one patch, rotated and scaled about its centre, in grid_sample's coordinates."""
        matrix = np.eye(3)
        if self.rng.random() < 0.5:
            for axis, angle in enumerate(self.rng.uniform(-0.15, 0.15, 3)):
                a, b = [i for i in range(3) if i != axis]
                turn = np.eye(3)
                turn[[a, b], [a, b]] = np.cos(angle)
                turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
                matrix = matrix @ turn
            matrix *= self.rng.uniform(0.85, 1.2)
            # Turn in millimetres, not in voxels.
            matrix = np.diag(1 / np.array(SPACING)) @ matrix @ np.diag(SPACING)
        steps = np.stack(np.meshgrid(*(np.arange(n) - n // 2 for n in PATCH), indexing="ij"), -1)
        index = centre + steps @ matrix.T
        return torch.from_numpy(((2 * index + 1) / shape - 1)[..., ::-1].copy()).float()[None]

    def disturb(self, image):
        rng = self.rng
        if rng.random() < 0.3:
            image = image + rng.uniform(0, 0.12) * torch.randn(image.shape)
        if rng.random() < 0.2:
            kernel = torch.tensor([1.0, rng.uniform(1.5, 4.0), 1.0])
            kernel /= kernel.sum()
            for axis in range(3):
                shape, padding = [1] * 5, [0] * 3
                shape[axis + 2], padding[axis] = 3, 1
                image = F.conv3d(image, kernel.view(shape), padding=padding)
        if rng.random() < 0.3:
            image = image * rng.uniform(0.85, 1.15)
        if rng.random() < 0.3:
            image = image + rng.uniform(-0.12, 0.12)
        return image

    def batch(self, size):
        images, targets = [], []
        for _ in range(size):
            image, target, places = self.volumes[self.rng.integers(len(self.volumes))]
            shape = np.array(image.shape)
            grid = self.grid(shape, self.centre(shape, places))
            # Outside the scan is zero, as the padding at test time.
            images.append(self.disturb(F.grid_sample(image[None, None], grid, align_corners=False)))
            targets.append(F.grid_sample(target[None, None], grid, mode="nearest", align_corners=False))
        return torch.cat(images), torch.cat(targets).long()


def loss_at(scores, target):
    """Cross entropy plus soft Dice of the structures over the batch (nnU-Net's DC_and_CE_loss)."""
    probability = scores.softmax(1)
    truth = torch.zeros_like(probability).scatter_(1, target, 1)
    axes = (0, 2, 3, 4)
    overlap, total = (probability * truth).sum(axes)[1:], (probability + truth).sum(axes)[1:]
    dice = (2 * overlap + 1e-5) / (total + 1e-5).clamp_min(1e-8)
    return F.cross_entropy(scores, target[:, 0]) - dice.mean()


def loss(outputs, target):
    """Every level weighs half of the one above."""
    weights = [0.5**level for level in range(len(outputs))]
    levels = [F.interpolate(target.float(), scores.shape[2:], mode="nearest-exact").long() for scores in outputs]
    return sum(w * loss_at(s, t) for w, s, t in zip(weights, outputs, levels)) / sum(weights)


@torch.no_grad()
def predict(network, hu, spacing, stats):
    """Labels on the scan's own grid: tiles at half overlap, Gaussian weights, logits resampled linearly."""
    image = torch.from_numpy(preprocess(hu, spacing, stats)).float()
    lack = [max(0, p - n) for p, n in zip(PATCH, image.shape)]
    image = F.pad(image, [n for gap in reversed(lack) for n in (gap // 2, gap - gap // 2)])
    gaussian = compute_gaussian(PATCH, sigma_scale=1 / 8, value_scaling_factor=10, dtype=torch.float32, device=torch.device("cpu"))
    logits, weights = torch.zeros(len(LABELS), *image.shape), torch.zeros(image.shape)
    steps = compute_steps_for_sliding_window(image.shape, PATCH, 0.5)
    for start in [(z, y, x) for z in steps[0] for y in steps[1] for x in steps[2]]:
        tile = tuple(slice(s, s + p) for s, p in zip(start, PATCH))
        logits[(slice(None), *tile)] += network(image[tile][None, None])[0][0] * gaussian
        weights[tile] += gaussian
    logits = (logits / weights).numpy()
    inner = tuple(slice(gap // 2, n - (gap - gap // 2)) for gap, n in zip(lack, image.shape))
    logits = resample_data_or_seg_to_shape(logits[(slice(None), *inner)], hu.shape, SPACING, spacing, is_seg=False, order=1, order_z=0)
    return np.argmax(logits, 0)


def dice_of(network, cases, stats):
    """One row of Dice per case, one column per structure."""
    network.eval()
    rows = []
    for hu, labels, spacing in cases:
        found = predict(network, hu, spacing, stats)
        pairs = [(found == value, labels == value) for value in range(1, len(LABELS))]
        rows.append([2 * np.logical_and(a, b).sum() / max(a.sum() + b.sum(), 1) for a, b in pairs])
    network.train()
    return np.array(rows)


def plans_of(stats, cases):
    resampling = {"order": 3, "order_z": 0, "force_separate_z": None}
    kind = "resample_data_or_seg_to_shape"
    configuration = {
        "data_identifier": f"nnUNetPlans_{CONFIGURATION}",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 1,
        "patch_size": list(PATCH),
        "median_image_size_in_voxels": [float(n) for n in compute_new_shape(cases[0][0].shape, cases[0][2], SPACING)],
        "spacing": list(SPACING),
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": kind,
        "resampling_fn_seg": kind,
        "resampling_fn_probabilities": kind,
        "resampling_fn_data_kwargs": {"is_seg": False, **resampling},
        "resampling_fn_seg_kwargs": {"is_seg": True, **resampling, "order": 1},
        "resampling_fn_probabilities_kwargs": {"is_seg": False, **resampling, "order": 1},
        "architecture": {"network_class_name": "mednext.MedNeXt", "arch_kwargs": NETWORK, "_kw_requires_import": []},
        "batch_dice": True,
    }
    return {
        "dataset_name": "Dataset001_TorsoPhantom",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [float(s) for s in cases[0][2]],
        "original_median_shape_after_transp": list(cases[0][0].shape),
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {CONFIGURATION: configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": stats},
    }


def save(network, stats, cases, out, history):
    """An nnU-Net v2 model folder with one fold. Mirroring is off: the kidneys have sides."""
    plans = plans_of(stats, cases)
    labels = {name: value for value, name in enumerate(LABELS)}
    dataset = {"name": "Torso phantom", "licence": "MIT OR Apache-2.0", "description": DESCRIPTION}
    dataset |= {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": len(cases), "file_ending": ".nii.gz"}
    folder = out / plans["dataset_name"] / f"{TRAINER}__{plans['plans_name']}__{CONFIGURATION}"
    (folder / "fold_0").mkdir(parents=True, exist_ok=True)
    (folder / "plans.json").write_text(json.dumps(plans, indent=4))
    (folder / "dataset.json").write_text(json.dumps(dataset, indent=4))
    arguments = {"plans": plans, "configuration": CONFIGURATION, "fold": 0, "dataset_json": dataset, "device": torch.device("cpu")}
    checkpoint = {
        "network_weights": network.state_dict(),
        "optimizer_state": {},
        "grad_scaler_state": None,
        "logging": {"mean_fg_dice": history},
        "_best_ema": None,
        "current_epoch": 1,
        "init_args": arguments,
        "trainer_name": TRAINER,
        "inference_allowed_mirroring_axes": (),
    }
    torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")


def train(arguments):
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    cases, held_out = read_cases(arguments.data), read_cases(arguments.held_out)
    stats = foreground_stats(cases)
    patches = Patches(cases, stats, arguments.seed)
    network = MedNeXt(1, len(LABELS), **NETWORK)
    learnable = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learnable, lr=arguments.rate, weight_decay=3e-5)
    history, running, began = [], 0.0, time.time()
    for step in range(arguments.steps):
        remaining = (1 - step / arguments.steps) ** 0.9
        optimizer.param_groups[0]["lr"] = arguments.rate * min((step + 1) / WARMUP, 1.0) * remaining
        image, target = patches.batch(arguments.batch)
        value = loss(network(image), target)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(learnable, 12)
        optimizer.step()
        running += (value.item() - running) * (1.0 if step == 0 else 0.05)
        if (step + 1) % arguments.report == 0 or step + 1 == arguments.steps:
            rows = dice_of(network, held_out[:2] if step + 1 < arguments.steps else held_out, stats)
            history.append(float(rows.mean()))
            columns = "  ".join(f"{name} {d:.3f}" for name, d in zip(LABELS[1:], rows.min(0)))
            print(f"step {step + 1}  {(time.time() - began) / 60:.1f} min  loss {running:.3f}  worst Dice: {columns}", flush=True)
            save(network, stats, cases, arguments.out, history)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with imagesTr and labelsTr")
    parser.add_argument("--held-out", type=Path, required=True, help="the same, of other seeds")
    parser.add_argument("--out", type=Path, default=Path("model"))
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--report", type=int, default=550)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())
