//! What a file says about its image or images: classic (one slice) and enhanced multi-frame.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use glam::DVec3;

use super::dataset::{DataSet, Node};
use super::fault::Fault;
use super::frame::{Frame, FrameKeys, Mark, Placement, Rescale, Unit};

/// How samples are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PixelFormat {
    pub(super) size_yx: [usize; 2],
    pub(super) samples: u32,
    pub(super) bits_allocated: u32,
    pub(super) bits_stored: u32,
    pub(super) high_bit: u32,
    pub(super) signed: bool,
    pub(super) photometric: String,
    /// Integer pixel data, or one of the two float elements.
    pub(super) pixel_tag: Tag,
}

/// Whose study a series is, for a person who looks at it. Its `Debug` holds neither, so that no log can.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Whose {
    /// PatientID.
    pub patient: Option<String>,
    /// StudyDate, `YYYYMMDD`.
    pub study_date: Option<String>,
}

impl std::fmt::Debug for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Whose")
    }
}

/// One file's header.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) path: PathBuf,
    pub(super) transfer_syntax: String,
    pub(super) sop_instance_uid: String,
    pub(super) series_uid: String,
    /// Tell apart patients and studies that share a series UID; hold no value of theirs.
    pub(super) patient_hash: u64,
    pub(super) study_hash: u64,
    pub(super) whose: Whose,
    pub(super) modality: String,
    pub(super) number: Option<i64>,
    pub(super) description: Option<String>,
    pub(super) localizer: bool,
    pub(super) lossy: bool,
    pub(super) modality_lut: bool,
    pub(super) format: PixelFormat,
    pub(super) frames: Vec<Frame>,
}

/// What an object is that holds no scan, with or without pixel data.
fn other_object(sop_class: &str, is_image: bool) -> Option<&'static str> {
    match sop_class {
        uids::SEGMENTATION_STORAGE | uids::LABEL_MAP_SEGMENTATION_STORAGE => Some("a segmentation"),
        uids::RT_DOSE_STORAGE => Some("a dose distribution"),
        uids::RT_STRUCTURE_SET_STORAGE => Some("a structure set"),
        uids::PARAMETRIC_MAP_STORAGE => Some("a parametric map"),
        uids::MEDIA_STORAGE_DIRECTORY_STORAGE => Some("a directory"),
        uids::MR_SPECTROSCOPY_STORAGE => Some("a spectrum"),
        _ if !is_image => Some("without an image"),
        _ => None,
    }
}

/// Reads a header; objects that are not scans (segmentations, structure sets, reports, directories) are refused by kind.
pub(super) fn read_header(set: &DataSet, path: PathBuf) -> Result<Header, Fault> {
    let root = set.root();
    let sop_class = root.text(tags::SOP_CLASS_UID).unwrap_or_default();
    // A header that sizes an image but has none is a damaged slice: passing it over would leave a silent gap.
    let sizes_image = root.has(tags::ROWS) && root.has(tags::COLUMNS);
    if let Some(kind) = other_object(&sop_class, sizes_image || set.pixel_tag.is_some()) {
        return Err(Fault::NotScan(kind));
    }
    let pixel_tag = set.pixel_tag.ok_or_else(|| Fault::bad("the image has no pixel data"))?;
    let format = pixel_format(root, pixel_tag)?;
    let image_type = root.text(tags::IMAGE_TYPE).unwrap_or_default();
    Ok(Header {
        path,
        transfer_syntax: set.transfer_syntax.clone(),
        sop_instance_uid: root.text(tags::SOP_INSTANCE_UID).unwrap_or_default(),
        series_uid: root.text(tags::SERIES_INSTANCE_UID).unwrap_or_default(),
        patient_hash: hash_of(root, tags::PATIENT_ID),
        study_hash: hash_of(root, tags::STUDY_INSTANCE_UID),
        whose: Whose { patient: root.written_text(tags::PATIENT_ID), study_date: root.text(tags::STUDY_DATE) },
        modality: root.text(tags::MODALITY).unwrap_or_default(),
        number: root.number(tags::SERIES_NUMBER, "SeriesNumber").ok().flatten().map(|number| number as i64),
        description: root.written_text(tags::SERIES_DESCRIPTION),
        localizer: image_type.split('\\').any(|part| part.trim() == "LOCALIZER"),
        lossy: root.text(tags::LOSSY_IMAGE_COMPRESSION).as_deref() == Some("01"),
        modality_lut: root.has(tags::MODALITY_LUT_SEQUENCE),
        format,
        frames: frames(root)?,
    })
}

fn hash_of(root: Node<'_>, tag: Tag) -> u64 {
    let mut hasher = DefaultHasher::new();
    root.text(tag).hash(&mut hasher);
    hasher.finish()
}

fn pixel_format(root: Node<'_>, pixel_tag: Tag) -> Result<PixelFormat, Fault> {
    let required = |tag, name: &str| root.count(tag, name)?.ok_or_else(|| Fault::bad(format!("{name} is missing")));
    let [rows, columns] = [required(tags::ROWS, "Rows")?, required(tags::COLUMNS, "Columns")?];
    if rows == 0 || columns == 0 || rows > 65535 || columns > 65535 {
        return Err(Fault::bad(format!("the image is {rows} x {columns} pixels")));
    }
    let bits_allocated = required(tags::BITS_ALLOCATED, "BitsAllocated")?;
    let bits_stored = root.count(tags::BITS_STORED, "BitsStored")?.unwrap_or(bits_allocated);
    let high_bit = root.count(tags::HIGH_BIT, "HighBit")?.unwrap_or_else(|| bits_stored.saturating_sub(1));
    if bits_stored == 0 || bits_stored > bits_allocated || high_bit >= bits_allocated || high_bit + 1 < bits_stored {
        return Err(Fault::bad(format!(
            "BitsAllocated {bits_allocated}, BitsStored {bits_stored} and HighBit {high_bit} contradict each other"
        )));
    }
    Ok(PixelFormat {
        size_yx: [rows as usize, columns as usize],
        samples: root.count(tags::SAMPLES_PER_PIXEL, "SamplesPerPixel")?.unwrap_or(1),
        bits_allocated,
        bits_stored,
        high_bit,
        signed: root.count(tags::PIXEL_REPRESENTATION, "PixelRepresentation")?.unwrap_or(0) == 1,
        photometric: root.text(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default(),
        pixel_tag,
    })
}

fn frames(root: Node<'_>) -> Result<Vec<Frame>, Fault> {
    let count = root.count(tags::NUMBER_OF_FRAMES, "NumberOfFrames")?.unwrap_or(1).max(1) as usize;
    let instance = root.number(tags::INSTANCE_NUMBER, "InstanceNumber").ok().flatten();
    let per_frame: Vec<Node<'_>> = root.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).collect();
    let shared = root.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    if per_frame.is_empty() && shared.is_none() {
        if count > 1 {
            return Err(Fault::bad("a multi-frame image without a position for each frame is not supported"));
        }
        return Ok(vec![classic_frame(root, instance)?]);
    }
    if per_frame.len() != count {
        return Err(Fault::bad(format!("the header describes {} frames but declares {count}", per_frame.len())));
    }
    per_frame.into_iter().enumerate().map(|(index, own)| enhanced_frame(&Groups { own, shared }, index)).collect()
}

fn classic_frame(root: Node<'_>, instance: Option<f64>) -> Result<Frame, Fault> {
    let mark = |tag, name, unit| Mark { name, unit, value: root.number(tag, "").ok().flatten() };
    Ok(Frame {
        index: 0,
        placement: placement(Some(root), Some(root), Some(root)),
        thickness_mm: slice_distance(root),
        rescale: rescale(Some(root))?,
        keys: FrameKeys {
            split: vec![
                mark(tags::TEMPORAL_POSITION_IDENTIFIER, "TemporalPositionIdentifier", Unit::None),
                mark(tags::ECHO_TIME, "EchoTime", Unit::Of("ms")),
                mark(tags::ECHO_NUMBERS, "EchoNumbers", Unit::None),
                mark(tags::DIFFUSION_B_VALUE, "DiffusionBValue", Unit::Of("s/mm2")),
                mark(tags::TRIGGER_TIME, "TriggerTime", Unit::Of("ms")),
                mark(tags::ACQUISITION_NUMBER, "AcquisitionNumber", Unit::None),
                mark(tags::ACQUISITION_TIME, "AcquisitionTime", Unit::TimeOfDay),
                mark(tags::CONTENT_TIME, "ContentTime", Unit::TimeOfDay),
            ],
            frame_of_reference: root.text(tags::FRAME_OF_REFERENCE_UID).unwrap_or_default(),
            instance,
        },
    })
}

/// A frame's own functional groups and those shared by all (PS3.3 C.7.6.16).
struct Groups<'a> {
    own: Node<'a>,
    shared: Option<Node<'a>>,
}

impl<'a> Groups<'a> {
    fn group(&self, sequence: Tag) -> Option<Node<'a>> {
        self.own.item(sequence).or_else(|| self.shared?.item(sequence))
    }
}

fn enhanced_frame(groups: &Groups<'_>, index: usize) -> Result<Frame, Fault> {
    let measures = groups.group(tags::PIXEL_MEASURES_SEQUENCE);
    let content = groups.group(tags::FRAME_CONTENT_SEQUENCE);
    let mark = |group: Option<Node<'_>>, tag, name, unit| {
        let value = group.and_then(|group| group.number(tag, "").ok().flatten());
        Mark { name, unit, value }
    };
    let time = groups.group(tags::TEMPORAL_POSITION_SEQUENCE);
    let heart = groups.group(tags::CARDIAC_SYNCHRONIZATION_SEQUENCE);
    Ok(Frame {
        index,
        placement: placement(groups.group(tags::PLANE_POSITION_SEQUENCE), groups.group(tags::PLANE_ORIENTATION_SEQUENCE), measures),
        thickness_mm: measures.and_then(slice_distance),
        rescale: rescale(groups.group(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE))?,
        keys: FrameKeys {
            split: vec![
                mark(content, tags::TEMPORAL_POSITION_INDEX, "TemporalPositionIndex", Unit::None),
                mark(time, tags::TEMPORAL_POSITION_TIME_OFFSET, "TemporalPositionTimeOffset", Unit::Of("s")),
                mark(groups.group(tags::MR_ECHO_SEQUENCE), tags::EFFECTIVE_ECHO_TIME, "EffectiveEchoTime", Unit::Of("ms")),
                mark(groups.group(tags::MR_DIFFUSION_SEQUENCE), tags::DIFFUSION_B_VALUE, "DiffusionBValue", Unit::Of("s/mm2")),
                mark(heart, tags::NOMINAL_CARDIAC_TRIGGER_DELAY_TIME, "NominalCardiacTriggerDelayTime", Unit::Of("ms")),
                mark(content, tags::FRAME_ACQUISITION_NUMBER, "FrameAcquisitionNumber", Unit::None),
            ],
            frame_of_reference: String::new(),
            instance: Some(index as f64),
        },
    })
}

/// SpacingBetweenSlices, else SliceThickness: the extent of a slice that has no neighbour.
fn slice_distance(node: Node<'_>) -> Option<f64> {
    [tags::SPACING_BETWEEN_SLICES, tags::SLICE_THICKNESS]
        .into_iter()
        .find_map(|tag| node.number(tag, "").ok().flatten().filter(|mm| mm.is_finite() && *mm > 0.0))
}

/// Position, orientation and pixel spacing, or which of them is missing or senseless. Nothing is assumed.
fn placement(position: Option<Node<'_>>, orientation: Option<Node<'_>>, measures: Option<Node<'_>>) -> Result<Placement, String> {
    fn get<const N: usize>(node: Option<Node<'_>>, tag: Tag, name: &str) -> Result<[f64; N], String> {
        let value = node.map_or(Ok(None), |node| node.finite::<N>(tag, name)).map_err(|fault| fault.reason())?;
        value.ok_or_else(|| format!("{name} is missing"))
    }
    let pos = get::<3>(position, tags::IMAGE_POSITION_PATIENT, "ImagePositionPatient")?;
    let axes = get::<6>(orientation, tags::IMAGE_ORIENTATION_PATIENT, "ImageOrientationPatient")?;
    let spacing_yx_mm = get::<2>(measures, tags::PIXEL_SPACING, "PixelSpacing")?;
    let row = DVec3::new(axes[0], axes[1], axes[2]);
    let column = DVec3::new(axes[3], axes[4], axes[5]);
    Placement::new(DVec3::from_array(pos), row, column, spacing_yx_mm)
}

fn rescale(node: Option<Node<'_>>) -> Result<Rescale, Fault> {
    let Some(node) = node else { return Ok(Rescale::default()) };
    let get = |tag, name| Ok::<_, Fault>(node.finite::<1>(tag, name)?.map(|[value]| value));
    let slope = get(tags::RESCALE_SLOPE, "RescaleSlope")?;
    let intercept = get(tags::RESCALE_INTERCEPT, "RescaleIntercept")?;
    if slope == Some(0.0) {
        return Err(Fault::bad("RescaleSlope is zero"));
    }
    Ok(Rescale { slope: slope.unwrap_or(1.0), intercept: intercept.unwrap_or(0.0), stated: [slope.is_some(), intercept.is_some()] })
}
