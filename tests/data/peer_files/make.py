"""Writes the files beside it with other programs' libraries: pynrrd 1.1.3, SimpleITK 2.5.7, nibabel 5.4.2, numpy 2.4.

All show the same voxels, value x + 10 y + 100 z for x < 4, y < 3, z < 2, at the same oblique place.
"""

import sys
from pathlib import Path

import nibabel
import nrrd
import numpy as np
import SimpleITK as sitk

HERE = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
z, y, x = np.meshgrid(np.arange(2), np.arange(3), np.arange(4), indexing="ij")
ZYX = (x + 10 * y + 100 * z).astype(np.int16)

# Quarter turn about the head-feet axis, then a little about left-right; spacing 0.5, 2, 3 mm.
a = 0.25
TURN = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]) @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
SPACING = np.array([0.5, 2.0, 3.0])
ORIGIN = np.array([-10.5, 20.25, 300.0])


def image(array):
    made = sitk.GetImageFromArray(array)
    made.SetSpacing(SPACING.tolist())
    made.SetOrigin(ORIGIN.tolist())
    made.SetDirection(TURN.flatten().tolist())
    return made


sitk.WriteImage(image(ZYX), str(HERE / "simpleitk.nrrd"), True)
sitk.WriteImage(image(ZYX.astype(np.float32)), str(HERE / "simpleitk_float.nhdr"), False)

directions = (TURN * SPACING).T
ras = np.diag([-1.0, -1.0, 1.0])
nrrd.write(
    str(HERE / "pynrrd_ras_big.nrrd"),
    np.ascontiguousarray(ZYX).astype(">i2"),
    {"space": "right-anterior-superior", "space directions": directions @ ras, "space origin": ORIGIN @ ras, "encoding": "raw", "endian": "big"},
    index_order="C",
)
layers = np.stack([(ZYX % 2).astype(np.uint8) * 5, (ZYX > 50).astype(np.uint8) * 3], axis=-1)
nrrd.write(
    str(HERE / "pynrrd_layers.seg.nrrd"),
    layers,
    {
        "space": "left-posterior-superior",
        "kinds": ["list", "domain", "domain", "domain"],
        "space directions": np.vstack([[np.nan] * 3, directions]),
        "space origin": ORIGIN,
        "encoding": "gzip",
        "Segment0_ID": "Segment_1",
        "Segment0_Name": "odd columns",
        "Segment0_Color": "0.694118 0.478431 0.396078",
        "Segment0_LabelValue": "5",
        "Segment0_Layer": "0",
        "Segment0_Tags": "Segmentation.Status:inprogress|TerminologyEntry:x~SCT^85756007^Tissue~|",
        "Segment1_ID": "Segment_2",
        "Segment1_Name": "above",
        "Segment1_Color": "0 1 0",
        "Segment1_LabelValue": "3",
        "Segment1_Layer": "1",
    },
    index_order="C",
)

affine = np.eye(4)
affine[:3, :3] = ras @ (TURN * SPACING)
affine[:3, 3] = ras @ ORIGIN
mask = nibabel.Nifti1Image((ZYX.T % 3).astype(np.uint8), affine)
# The text TotalSegmentator puts there.
xml = (
    '<?xml version="1.0" encoding="UTF-8"?> <CaretExtension>  <Date><![CDATA[2013-07-14T05:45:09]]></Date>   '
    '<VolumeInformation Index="0">   <LabelTable>\n'
    '<Label Key="1" Red="0.0" Green="1.0" Blue="0.0" Alpha="1"><![CDATA[spleen]]></Label>\n'
    '<Label Key="2" Red="0.0" Green="0.0" Blue="1.0" Alpha="1"><![CDATA[kidney_right]]></Label>\n'
    "\n  </LabelTable>  <StudyMetaDataLinkSet>  </StudyMetaDataLinkSet>  <VolumeType><![CDATA[Label]]></VolumeType>   "
    "</VolumeInformation></CaretExtension>\n              "
)
mask.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, bytes(xml, "utf-8")))
nibabel.save(mask, str(HERE / "nibabel_named.nii.gz"))
