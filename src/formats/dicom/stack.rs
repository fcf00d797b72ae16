//! From slice positions to one regular grid, or a sentence why there is none. Pure geometry.
//!
//! Distances come from positions only: SliceThickness is not a distance. A gap is never closed, a tilt never
//! straightened and an uneven stack never evened out without saying so.

use glam::{DMat3, DVec3};
use volume::Geometry;

use super::frame::Placement;
use super::volumes::counted;
use crate::{Warning, WarningCode};

/// Distances below this are rounding of decimal strings.
const EXACT_MM: f64 = 0.01;
/// Positions may leave the regular grid by this part of the spacing without a word ...
const SILENT_JITTER: f64 = 0.01;
/// ... and by this part with a warning.
const WARNED_JITTER: f64 = 0.10;
/// A neighbour this many typical distances away means slices are missing between.
const GAP: f64 = 1.5;
/// With a gap, the longest unbroken run is used if it holds this part of the slices.
const RUN_SHARE: f64 = 0.75;
/// More gaps than this part of the slices is an uneven stack, not one with gaps.
const GAP_SHARE: f64 = 0.25;

/// A regular stack.
#[derive(Debug, PartialEq)]
pub(super) struct Stack {
    /// Indices of the slices used, along the normal.
    pub(super) order: Vec<usize>,
    pub(super) geometry: Geometry,
    pub(super) warnings: Vec<Warning>,
}

/// Stacks parallel slices of equal size at distinct positions. `thickness_mm` serves a slice without neighbours.
pub(super) fn stack(slices: &[Placement], size_yx: [usize; 2], thickness_mm: Option<f64>) -> Result<Stack, String> {
    let first = slices.first().ok_or("there is no slice")?;
    let normal = first.normal();
    let mut order: Vec<usize> = (0..slices.len()).collect();
    let along = |index: usize| slices[index].pos_lps_mm.dot(normal);
    order.sort_by(|a, b| along(*a).total_cmp(&along(*b)));
    if order.len() == 1 {
        return single(first, size_yx, thickness_mm);
    }
    let mut warnings = Vec::new();
    let positions: Vec<f64> = order.iter().map(|index| along(*index)).collect();
    let run = longest_run(&positions, &mut warnings)?;
    let order = order[run.clone()].to_vec();
    let spacing_mm = regular_spacing(&positions[run], &mut warnings)?;
    let placed: Vec<&Placement> = order.iter().map(|index| &slices[*index]).collect();
    check_drift(&placed, normal, &mut warnings)?;
    let [sy, sx] = first.spacing_yx_mm;
    let geometry = Geometry {
        size_zyx: [order.len(), size_yx[0], size_yx[1]],
        spacing_zyx_mm: [spacing_mm, sy, sx],
        origin_lps_mm: placed[0].pos_lps_mm,
        direction: DMat3::from_cols(first.row, first.column, normal),
    };
    geometry.check().map_err(|error| error.to_string())?;
    Ok(Stack { order, geometry, warnings })
}

fn single(slice: &Placement, size_yx: [usize; 2], thickness_mm: Option<f64>) -> Result<Stack, String> {
    let thickness = thickness_mm.ok_or("a single slice without SliceThickness has no extent along z")?;
    let [sy, sx] = slice.spacing_yx_mm;
    let geometry = Geometry {
        size_zyx: [1, size_yx[0], size_yx[1]],
        spacing_zyx_mm: [thickness, sy, sx],
        origin_lps_mm: slice.pos_lps_mm,
        direction: DMat3::from_cols(slice.row, slice.column, slice.normal()),
    };
    geometry.check().map_err(|error| error.to_string())?;
    let text = format!("there is a single slice; its extent along z ({thickness} mm) is the header's slice thickness");
    Ok(Stack { order: vec![0], geometry, warnings: vec![Warning::new(WarningCode::NonuniformSpacing, text)] })
}

/// The longest part of sorted positions without a gap; says what was cut, or refuses where too much would be.
fn longest_run(positions: &[f64], warnings: &mut Vec<Warning>) -> Result<std::ops::Range<usize>, String> {
    let steps: Vec<f64> = positions.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut sorted = steps.clone();
    sorted.sort_by(f64::total_cmp);
    let typical = sorted[(sorted.len() - 1) / 2];
    let gaps: Vec<usize> = (0..steps.len()).filter(|step| steps[*step] > GAP * typical).collect();
    if gaps.is_empty() {
        return Ok(0..positions.len());
    }
    if gaps.len() > 1 && gaps.len() as f64 > GAP_SHARE * steps.len() as f64 {
        return Err(uneven(&sorted));
    }
    let mut edges = vec![0];
    edges.extend(gaps.iter().map(|step| step + 1));
    edges.push(positions.len());
    let run = edges.windows(2).map(|edge| edge[0]..edge[1]).max_by_key(|run| (run.len(), usize::MAX - run.start)).unwrap_or(0..0);
    let places: Vec<String> =
        gaps.iter().take(3).map(|step| format!("{:.2} and {:.2} mm", positions[*step], positions[step + 1])).collect();
    let more = if gaps.len() > 3 { format!(" and {} more places", gaps.len() - 3) } else { String::new() };
    let text = format!("slices are missing between positions {}{more} (typical distance {typical:.3} mm)", places.join(", "));
    if (run.len() as f64) < RUN_SHARE * positions.len() as f64 || run.len() < 2 {
        return Err(format!("{text}; fetch the missing slices"));
    }
    warnings.push(Warning::new(WarningCode::MissingSlice, text));
    let cropped = format!(
        "only the {} slices from {:.2} to {:.2} mm are used; left out beyond the gap: {}",
        run.len(),
        positions[run.start],
        positions[run.end - 1],
        counted(positions.len() - run.len(), "slice")
    );
    warnings.push(Warning::new(WarningCode::Cropped, cropped));
    Ok(run)
}

fn uneven(sorted_steps: &[f64]) -> String {
    format!(
        "slice distances differ from {:.3} to {:.3} mm; resample the series to even distances first",
        sorted_steps[0],
        sorted_steps[sorted_steps.len() - 1]
    )
}

/// Mean distance, if every position stays near the regular grid (single steps could hide a drift).
fn regular_spacing(positions: &[f64], warnings: &mut Vec<Warning>) -> Result<f64, String> {
    let (first, last) = (positions[0], positions[positions.len() - 1]);
    let spacing = (last - first) / (positions.len() - 1) as f64;
    let off = positions.iter().enumerate().map(|(z, at)| (at - (first + z as f64 * spacing)).abs()).fold(0.0, f64::max);
    if off > WARNED_JITTER * spacing && off > EXACT_MM {
        let mut steps: Vec<f64> = positions.windows(2).map(|pair| pair[1] - pair[0]).collect();
        steps.sort_by(f64::total_cmp);
        return Err(uneven(&steps));
    }
    if off > SILENT_JITTER * spacing && off > EXACT_MM {
        let text = format!("slices lie up to {off:.3} mm off an even distance of {spacing:.4} mm, which is used");
        warnings.push(Warning::new(WarningCode::NonuniformSpacing, text));
    }
    Ok(spacing)
}

/// Slices that move sideways along the stack (gantry tilt): a box grid cannot say that.
fn check_drift(slices: &[&Placement], normal: DVec3, warnings: &mut Vec<Warning>) -> Result<(), String> {
    let from_first = |slice: &Placement| slice.pos_lps_mm - slices[0].pos_lps_mm;
    let sideways = |offset: DVec3| (offset - normal * offset.dot(normal)).length();
    let drift_mm = slices.iter().map(|slice| sideways(from_first(slice))).fold(0.0, f64::max);
    let pixel_mm = slices[0].spacing_yx_mm[0].min(slices[0].spacing_yx_mm[1]);
    if drift_mm <= EXACT_MM.max(0.01 * pixel_mm) {
        return Ok(());
    }
    let whole = from_first(slices[slices.len() - 1]);
    let tilt_deg = sideways(whole).atan2(whole.dot(normal)).to_degrees();
    if drift_mm >= pixel_mm {
        return Err(format!(
            "gantry tilt of {tilt_deg:.1} degrees (slices move {drift_mm:.2} mm sideways); resample the series to an untilted grid first"
        ));
    }
    let text = format!("slices move {drift_mm:.3} mm sideways over the stack (tilt of {tilt_deg:.2} degrees), less than a pixel; ignored");
    warnings.push(Warning::new(WarningCode::GantryTilt, text));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WarningCode::*;
    use proptest::prelude::*;

    fn placed(positions: &[DVec3]) -> Vec<Placement> {
        let place = |pos: &DVec3| Placement::new(*pos, DVec3::X, DVec3::Y, [0.8, 0.6]).unwrap();
        positions.iter().map(place).collect()
    }

    fn along_z(positions: &[f64]) -> Result<Stack, String> {
        let positions: Vec<DVec3> = positions.iter().map(|z| DVec3::new(3.0, -4.0, *z)).collect();
        stack(&placed(&positions), [4, 4], None)
    }

    #[test]
    fn order_does_not_matter_and_the_origin_is_the_lowest_slice() {
        let stack = along_z(&[4.0, -2.0, 2.0, 0.0]).unwrap();
        assert_eq!(stack.order, [1, 3, 2, 0]);
        assert_eq!(stack.geometry.origin_lps_mm, DVec3::new(3.0, -4.0, -2.0));
        assert_eq!(stack.geometry.spacing_zyx_mm, [2.0, 0.8, 0.6]);
        assert_eq!(stack.warnings, []);
    }

    #[test]
    fn gaps_name_their_places() {
        let refusal = along_z(&[0.0, 1.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0]).unwrap_err();
        assert!(refusal.contains("between positions 3.00 and 6.00 mm (typical distance 1.000 mm)"), "{refusal}");
        let stack = along_z(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0]).unwrap();
        assert_eq!(stack.warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), [MissingSlice, Cropped]);
        assert_eq!(stack.geometry.size_zyx[0], 7);
    }

    #[test]
    fn two_distances_are_no_gap() {
        let refusal = along_z(&[0.0, 1.0, 2.0, 3.0, 5.0, 7.0, 9.0]).unwrap_err();
        assert!(refusal.contains("slice distances differ from 1.000 to 2.000 mm"), "{refusal}");
    }

    proptest! {
        /// Whatever the positions: a stack that is given puts every slice near where it lies, or says how it does not.
        #[test]
        fn never_silently_wrong(
            steps in prop::collection::vec(prop_oneof![8 => Just(2.0), 2 => 1.9_f64..2.1, 1 => 0.1_f64..9.0], 1..40),
            drift in prop_oneof![Just(0.0), -0.05_f64..0.05],
            jitter in prop_oneof![Just(0.0), Just(0.005), Just(0.1), Just(0.4)],
            seed in any::<u64>(),
        ) {
            let mut at = 0.0;
            let mut positions = vec![DVec3::ZERO];
            for (index, step) in steps.iter().enumerate() {
                at += step;
                let noise = f64::from((seed.rotate_left(index as u32 * 7) & 0xFF) as u8) / 255.0 - 0.5;
                positions.push(DVec3::new(drift * at, 0.0, at + jitter * noise));
            }
            let Ok(stack) = stack(&placed(&positions), [4, 4], None) else { return Ok(()) };
            let has = |code| stack.warnings.iter().any(|warning| warning.code == code);
            prop_assert_eq!(stack.order.len(), stack.geometry.size_zyx[0]);
            prop_assert_eq!(stack.order.len() < positions.len(), has(Cropped));
            let spacing = stack.geometry.spacing_zyx_mm[0];
            for (z, index) in stack.order.iter().enumerate() {
                let off = stack.geometry.pos_lps_mm([z as f64, 0.0, 0.0]) - positions[*index];
                let sideways = off.truncate().length();
                prop_assert!(off.z.abs() <= (WARNED_JITTER * spacing).max(EXACT_MM));
                prop_assert!(off.z.abs() <= (SILENT_JITTER * spacing).max(EXACT_MM) || has(NonuniformSpacing));
                prop_assert!(sideways < 0.6);
                prop_assert!(sideways <= EXACT_MM + 1e-9 || has(GantryTilt));
            }
        }
    }
}
