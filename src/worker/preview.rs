//! A picture of a scan with its mask: axial, coronal and sagittal slices at one scale, contours, letters,
//! a legend and a caption.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis, s};
use volume::{LabelMap, LabelTable, Orientation, Scan, Volume, reorient};

use crate::canvas::{Canvas, Color, blend};
use crate::font;

/// Values shown black and white; the usual soft-tissue window of CT.
const WINDOW_HU: [f32; 2] = [-160.0, 240.0];
const BACKGROUND: Color = [16, 18, 22];
const TEXT: Color = [205, 210, 218];
const CAPTION_TEXT: Color = [130, 136, 146];
/// Weak, so that the tissue beneath stays visible; the contour carries the label.
const FILL_OPACITY: f32 = 0.12;
/// Width of a contour.
const CONTOUR_PX: usize = 2;
/// Longest edge of the largest slice, pixels.
const LONGEST_PX: f64 = 460.0;
const MARGIN_PX: usize = 18;
const GAP_PX: usize = 14;
const TEXT_SCALE: usize = 2;
const LEGEND_ROW_PX: usize = 24;

/// Grey values and labels of one slice, seen as radiologists do: patient left on the right, front or head up.
struct Panel<'a> {
    values: ArrayView2<'a, f32>,
    labels: ArrayView2<'a, u16>,
    /// Millimetres between rows and between columns.
    spacing_mm: [f64; 2],
    /// Letters at the left, right, top and bottom edge.
    letters: [&'static str; 4],
}

/// Draws three slices above a legend, the caption and the window, and encodes a PNG.
pub(crate) fn png(scan: &Scan, mask: &LabelMap, caption: &str) -> Result<Vec<u8>, png::EncodingError> {
    let lps: Orientation = "LPS".parse().expect("LPS is an orientation");
    let scan = reorient(scan, lps);
    let labels = ndarray::Array3::from_shape_fn(mask.voxels.size_zyx(), |(z, y, x)| mask.voxels.at([z, y, x]));
    let labels = reorient(&Volume::new(mask.geometry.clone(), labels), lps);

    let [z, y, x]: [usize; 3] = std::array::from_fn(|axis| richest_slice(&labels, axis));
    let [sz, sy, sx] = scan.geometry.spacing_zyx_mm;
    // Rows of coronal and sagittal slices run from head to feet.
    let panels = [
        Panel {
            values: scan.voxels.index_axis(Axis(0), z),
            labels: labels.voxels.index_axis(Axis(0), z),
            spacing_mm: [sy, sx],
            letters: ["R", "L", "A", "P"],
        },
        Panel {
            values: scan.voxels.slice(s![..;-1, y, ..]),
            labels: labels.voxels.slice(s![..;-1, y, ..]),
            spacing_mm: [sz, sx],
            letters: ["R", "L", "S", "I"],
        },
        Panel {
            values: scan.voxels.slice(s![..;-1, .., x]),
            labels: labels.voxels.slice(s![..;-1, .., x]),
            spacing_mm: [sz, sy],
            letters: ["A", "P", "S", "I"],
        },
    ];
    compose(&panels, &mask.table, caption).to_png()
}

/// The slice along an array axis that shows the largest share of every structure, so that small ones count as much as large
/// ones; the middle one of an empty mask.
fn richest_slice(labels: &Volume<u16>, axis: usize) -> usize {
    let slices = labels.voxels.axis_iter(Axis(axis));
    let counts: Vec<BTreeMap<u16, f64>> = slices.map(|slice| count(slice.iter())).collect();
    let totals = count(labels.voxels.iter());
    let share = |counts: &BTreeMap<u16, f64>| counts.iter().map(|(value, count)| count / totals[value]).sum::<f64>();
    let richest = (0..counts.len()).max_by(|a, b| share(&counts[*a]).total_cmp(&share(&counts[*b])));
    richest.filter(|_| !totals.is_empty()).unwrap_or(counts.len() / 2)
}

/// Voxels per label, without background.
fn count<'a>(values: impl Iterator<Item = &'a u16>) -> BTreeMap<u16, f64> {
    let mut counts = BTreeMap::new();
    values.filter(|value| **value != 0).for_each(|value| *counts.entry(*value).or_default() += 1.0);
    counts
}

fn compose(panels: &[Panel<'_>], table: &LabelTable, caption: &str) -> Canvas {
    let extent_mm = |panel: &Panel<'_>| [0, 1].map(|axis| panel.values.len_of(Axis(axis)) as f64 * panel.spacing_mm[axis]);
    let longest_mm = panels.iter().flat_map(extent_mm).fold(0.0, f64::max);
    let sizes_px: Vec<[usize; 2]> =
        panels.iter().map(|panel| extent_mm(panel).map(|mm| ((mm / longest_mm * LONGEST_PX).round() as usize).max(1))).collect();

    let width = 2 * MARGIN_PX + GAP_PX * (panels.len() - 1) + sizes_px.iter().map(|[_, w]| w).sum::<usize>();
    let slices_height = sizes_px.iter().map(|[h, _]| *h).max().unwrap_or(0);
    let legend = legend_places(table, width);
    let legend_height = legend.last().map_or(0, |(_, row)| GAP_PX + (row + 1) * LEGEND_ROW_PX);
    let height = 2 * MARGIN_PX + slices_height + legend_height + GAP_PX + LEGEND_ROW_PX;
    let mut canvas = Canvas::new(width, height, BACKGROUND);

    let mut left = MARGIN_PX;
    for (panel, [height, width]) in panels.iter().zip(sizes_px) {
        let top = MARGIN_PX + (slices_height - height) / 2;
        draw_panel(&mut canvas, panel, table, [top, left], [height, width]);
        left += width + GAP_PX;
    }
    let legend_top = MARGIN_PX + slices_height + GAP_PX;
    for (label, (x, row)) in table.iter().zip(legend) {
        let y = legend_top + row * LEGEND_ROW_PX;
        canvas.fill(x, y, font::HEIGHT * TEXT_SCALE, font::HEIGHT * TEXT_SCALE, label.color);
        font::draw(&mut canvas, &jobs::structure_words(&label.name), x + LEGEND_ROW_PX, y, TEXT_SCALE, TEXT);
    }
    let [black, white] = WINDOW_HU;
    let caption = format!("{caption}   window {} level {} HU", white - black, (black + white) / 2.0);
    let caption_top = height - MARGIN_PX - font::HEIGHT * TEXT_SCALE;
    font::draw(&mut canvas, &caption, MARGIN_PX, caption_top, TEXT_SCALE, CAPTION_TEXT);
    canvas
}

/// Column and line of every legend entry, wrapped to the picture's width.
fn legend_places(table: &LabelTable, width: usize) -> Vec<(usize, usize)> {
    let (mut x, mut row) = (MARGIN_PX, 0);
    let mut places = Vec::new();
    for label in table.iter() {
        let entry = LEGEND_ROW_PX + font::width(&jobs::structure_words(&label.name), TEXT_SCALE) + GAP_PX;
        if x > MARGIN_PX && x + entry > width {
            (x, row) = (MARGIN_PX, row + 1);
        }
        places.push((x, row));
        x += entry;
    }
    places
}

fn draw_panel(canvas: &mut Canvas, panel: &Panel<'_>, table: &LabelTable, [top, left]: [usize; 2], size: [usize; 2]) {
    let shape = [panel.values.nrows(), panel.values.ncols()];
    let labels = Array2::from_shape_fn(size, |(row, column)| {
        // The voxel whose area holds the pixel's centre.
        let at = |pixel: usize, axis: usize| (2 * pixel + 1) * shape[axis] / (2 * size[axis]);
        panel.labels[[at(row, 0), at(column, 1)]]
    });
    for ((row, column), &value) in labels.indexed_iter() {
        let at = |pixel: usize, axis: usize| (pixel as f64 + 0.5) * shape[axis] as f64 / size[axis] as f64 - 0.5;
        let grey = grey_of(bilinear(&panel.values, [at(row, 0), at(column, 1)]));
        let color = match table.get(value) {
            Some(label) if is_edge(&labels, [row, column]) => label.color,
            Some(label) => blend([grey; 3], label.color, FILL_OPACITY),
            None => [grey; 3],
        };
        canvas.set(left + column, top + row, color);
    }
    let [height, width] = size;
    let (letter_w, letter_h) = (font::ADVANCE * TEXT_SCALE, font::HEIGHT * TEXT_SCALE);
    let [at_left, at_right, at_top, at_bottom] = panel.letters;
    let (middle_x, middle_y) = (left + width.saturating_sub(letter_w) / 2, top + height.saturating_sub(letter_h) / 2);
    let mut letter = |letter: &str, x: usize, y: usize| {
        // A dark copy beneath keeps it readable on bone and on bright labels.
        font::draw(canvas, letter, x + 2, y + 2, TEXT_SCALE, BACKGROUND);
        font::draw(canvas, letter, x, y, TEXT_SCALE, TEXT);
    };
    letter(at_left, left + 6, middle_y);
    letter(at_right, left + width.saturating_sub(letter_w + 4), middle_y);
    letter(at_top, middle_x, top + 6);
    letter(at_bottom, middle_x, top + height.saturating_sub(letter_h + 6));
}

fn is_edge(labels: &Array2<u16>, [row, column]: [usize; 2]) -> bool {
    let value = labels[[row, column]];
    let around = |by: usize| [(row.wrapping_sub(by), column), (row + by, column), (row, column.wrapping_sub(by)), (row, column + by)];
    (1..=CONTOUR_PX).flat_map(around).any(|at| labels.get(at).is_none_or(|neighbour| *neighbour != value))
}

fn grey_of(value: f32) -> u8 {
    let [black, white] = WINDOW_HU;
    ((value - black) / (white - black) * 255.0).clamp(0.0, 255.0).round() as u8
}

/// Value between pixel centres; positions outside take the nearest edge.
fn bilinear(values: &ArrayView2<'_, f32>, position: [f64; 2]) -> f32 {
    let shape = [values.nrows(), values.ncols()];
    let clamped: [f64; 2] = std::array::from_fn(|axis| position[axis].clamp(0.0, (shape[axis] - 1) as f64));
    let low = clamped.map(|p| p.floor() as usize);
    let high: [usize; 2] = std::array::from_fn(|axis| (low[axis] + 1).min(shape[axis] - 1));
    let [fr, fc]: [f32; 2] = std::array::from_fn(|axis| (clamped[axis] - low[axis] as f64) as f32);
    let upper = values[[low[0], low[1]]] * (1.0 - fc) + values[[low[0], high[1]]] * fc;
    let lower = values[[high[0], low[1]]] * (1.0 - fc) + values[[high[0], high[1]]] * fc;
    upper * (1.0 - fr) + lower * fr
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use volume::{Geometry, LabelVoxels};

    use super::*;

    /// Thick slices: 8 x 40 x 40 voxels of 5 x 1 x 1 mm, one cube of label 1.
    fn study() -> (Scan, LabelMap) {
        let geometry = Geometry::axis_aligned([8, 40, 40], [5.0, 1.0, 1.0]);
        let mut voxels = LabelVoxels::zeros(geometry.size_zyx, 1);
        for (z, y, x) in (2..5).flat_map(|z| (10..20).flat_map(move |y| (10..20).map(move |x| (z, y, x)))) {
            voxels.set([z, y, x], 1);
        }
        let table = LabelTable::from_names([(1, "liver".to_owned())]);
        let scan = Scan::new(geometry.clone(), Array3::from_elem(geometry.size_zyx, 40.0));
        (scan, LabelMap { geometry, voxels, table })
    }

    #[test]
    fn slices_keep_their_proportions_and_the_colour_of_the_label() {
        let (scan, mask) = study();
        let bytes = png(&scan, &mask, "no patient").unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        // All three slices are 40 x 40 mm.
        assert_eq!(info.width as usize, 2 * MARGIN_PX + 2 * GAP_PX + 3 * LONGEST_PX as usize);
        let contour = mask.table.get(1).unwrap().color;
        let contour_pixels = pixels.chunks_exact(3).filter(|pixel| **pixel == contour).count();
        let (side, tall) = (115, 172);
        let fill_pixels = pixels.chunks_exact(3).filter(|pixel| **pixel == blend([128; 3], contour, FILL_OPACITY)).count();
        assert!(fill_pixels > side * side, "the tissue shows through: {fill_pixels} pixels");
        // Axial: 10 of 40 mm square; coronal and sagittal: 10 x 15 mm; plus the legend's square.
        let expected = CONTOUR_PX * (4 * side + 2 * (2 * side + 2 * tall)) + 14 * 14;
        assert!(contour_pixels.abs_diff(expected) < 60, "{contour_pixels} contour pixels, about {expected} expected");
    }

    #[test]
    fn an_empty_mask_still_yields_a_picture() {
        let (scan, mut mask) = study();
        mask.voxels = LabelVoxels::zeros(mask.geometry.size_zyx, 1);
        assert!(png(&scan, &mask, "").unwrap().starts_with(b"\x89PNG"));
    }
}
