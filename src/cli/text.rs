//! Reports as text for people.

use std::fmt::Write as _;

use jobs::{
    BenchReport, CaseOutcome, CaseReport, DemoReport, DoctorReport, InspectReport, Notice, Placement, Report, SegmentReport,
    StructureReport, WeightsReport,
};

/// The text of a report, ending with a line break.
pub(crate) fn report(report: &Report) -> String {
    match report {
        Report::Segment(segment) => segment_text(segment),
        Report::Convert(convert) => format!("{}\n{}", convert.output.display(), placement(&convert.placement)),
        Report::Inspect(inspect) => inspect_text(inspect),
        Report::InspectWeights(weights) => weights_text(weights),
        Report::Import(import) => format!("{}\n{}", import.output.display(), weights_text(&import.model)),
        Report::Doctor(doctor) => doctor_text(doctor),
        Report::Demo(demo) => demo_text(demo),
        Report::Bench(bench) => bench_text(bench),
        // Only the window asks for these, over the worker's lines.
        other => serde_json::to_string_pretty(other).unwrap_or_default() + "\n",
    }
}

/// Rows under a heading, columns padded to their widest cell; all but the first column flush right.
fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let mut text = String::new();
    let mut line = |cells: &[String]| {
        for (column, cell) in cells.iter().enumerate() {
            let width = widths[column];
            let _ = if column == 0 { write!(text, "{cell:<width$}") } else { write!(text, "  {cell:>width$}") };
        }
        text.push('\n');
    };
    line(&heading.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>());
    rows.iter().for_each(|row| line(row));
    text
}

fn structures(found: &[StructureReport]) -> String {
    let rows: Vec<_> = found.iter().map(|s| vec![s.name.clone(), s.voxels.to_string(), format!("{:.2}", s.volume_ml)]).collect();
    table(&["structure", "voxels", "ml"], &rows)
}

fn segment_text(segment: &SegmentReport) -> String {
    if let [CaseReport { output, outcome: CaseOutcome::Done { provenance, structures: found }, .. }] = segment.cases.as_slice() {
        return format!("{}{}\n{:.1} s on {}\n", structures(found), output.display(), provenance.seconds, segment.device);
    }
    let mut text = String::new();
    for case in &segment.cases {
        let _ = match &case.outcome {
            CaseOutcome::Done { provenance, .. } => {
                writeln!(text, "{}: {} ({:.1} s)", case.name, case.output.display(), provenance.seconds)
            }
            CaseOutcome::Skipped => writeln!(text, "{}: already done, {}", case.name, case.output.display()),
            CaseOutcome::Failed { failure } => writeln!(text, "{}: failed, {failure}", case.name),
        };
    }
    text
}

fn placement(grid: &Placement) -> String {
    let [z, y, x] = grid.size_zyx;
    let [sz, sy, sx] = grid.spacing_zyx_mm;
    format!("  {x} x {y} x {z} voxels of {sx:.4} x {sy:.4} x {sz:.4} mm, axes {}\n", grid.orientation)
}

fn notices(warnings: &[Notice]) -> String {
    warnings.iter().map(|notice| format!("  WARN {} {}\n", notice.code, notice.text)).collect()
}

fn inspect_text(inspect: &InspectReport) -> String {
    let mut text = String::new();
    for series in &inspect.series {
        let kind = if series.is_volume { "volume" } else { "not a volume" };
        let number = series.number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let description = series.description.as_deref().unwrap_or("no description");
        let _ = writeln!(text, "series {number}: {} \"{description}\", {} images, {kind}", series.modality, series.images);
        let _ = writeln!(text, "  {}", series.uid);
        text.push_str(&series.placement.as_ref().map(placement).unwrap_or_default());
        text.push_str(&series.refused.as_ref().map(|reason| format!("  refused: {reason}\n")).unwrap_or_default());
        text.push_str(&notices(&series.warnings));
    }
    for file in &inspect.files {
        let _ = writeln!(text, "{}", file.path.display());
        text.push_str(&file.placement.as_ref().map(placement).unwrap_or_default());
        text.push_str(&file.value_range.map(|[low, high]| format!("  values {low} to {high}\n")).unwrap_or_default());
        text.push_str(&file.refused.as_ref().map(|reason| format!("  refused: {reason}\n")).unwrap_or_default());
        text.push_str(&notices(&file.warnings));
    }
    text
}

fn weights_text(weights: &WeightsReport) -> String {
    let mut text = format!("{}, {:.2} million parameters\n", weights.kind.replace('_', " "), weights.parameters as f64 / 1e6);
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "  {name:<9} {value}");
    };
    if let Some(sha256) = &weights.file_sha256 {
        line("sha256", sha256);
    }
    if let Some(network) = &weights.network {
        line("network", network);
    }
    if let Some(reason) = &weights.not_a_network {
        line("network", &format!("none that runs here: {reason}"));
    }
    if let Some(training) = &weights.training {
        line("training", training);
    }
    let Some(model) = &weights.model else { return text };
    line("name", &model.name);
    line("model", &model.sha256);
    line("weights", &model.weights_sha256);
    line("licence", &model.licence.as_deref().unwrap_or("not stated; ask its publisher"));
    line("folds", &model.folds.join(", "));
    line("cost", &format!("{:.1} GMAC per tile", model.macs_per_tile as f64 / 1e9));
    line("memory", &format!("{} MiB per tile at least", model.memory_mib_per_tile));
    line("channels", &model.channels.join(", "));
    line("tile", &format!("{} voxels of {} mm (network axes)", model.plan["patch_size"], model.plan["spacing_mm"]));
    line("origin", &model.origin);
    for (value, name) in &model.labels {
        line(&format!("label {value}"), name);
    }
    text
}

fn doctor_text(doctor: &DoctorReport) -> String {
    let mut text = format!("{} on {}, {} threads\n\n", doctor.software, doctor.system, doctor.threads);
    if doctor.adapters.is_empty() {
        text.push_str("No graphics adapter found: the CPU engine will run.\n");
    }
    for adapter in &doctor.adapters {
        let _ = writeln!(text, "gpu:{}  {} ({}, {}, {})", adapter.index, adapter.name, adapter.kind, adapter.backend, adapter.driver);
        let _ = writeln!(text, "       buffers up to {} MiB, bindings up to {} MiB", adapter.max_buffer_mib, adapter.max_binding_mib);
        let matrices = if adapter.matrices.is_empty() { "none".to_owned() } else { adapter.matrices.join(", ") };
        let _ = writeln!(text, "       cooperative matrix: {matrices}");
        let _ = match &adapter.fault {
            None => writeln!(text, "       self-test passed: every kernel agrees with its CPU twin"),
            Some(fault) => writeln!(text, "       cannot be used: {fault}"),
        };
    }
    let _ = writeln!(text, "\nWill run on: {}", doctor.chosen);
    if let Some(tuning) = &doctor.tuning {
        let _ = writeln!(text, "             {tuning}");
    }
    if doctor.adapters.iter().all(|adapter| adapter.kind == "software") && !doctor.adapters.is_empty() {
        text.push_str("Software adapters run only with --device gpu: they compute on the processor too, and the CPU engine is faster.\n");
    }
    text
}

fn demo_text(demo: &DemoReport) -> String {
    let rows: Vec<_> = demo
        .structures
        .iter()
        .map(|s| {
            let dice = s.dice.map_or_else(|| "-".to_owned(), |dice| format!("{dice:.4}"));
            vec![s.name.clone(), dice, format!("{:.2}", s.volume_ml), format!("{:.2}", s.true_volume_ml)]
        })
        .collect();
    let table = table(&["structure", "Dice", "ml", "true ml"], &rows);
    format!("{table}\nmask     {}\npicture  {}\n{:.1} s on {}\n", demo.mask.display(), demo.preview.display(), demo.seconds, demo.device)
}

fn bench_text(bench: &BenchReport) -> String {
    if let Some(plan) = &bench.plan {
        return plan.clone();
    }
    let mut text = format!("{}\nseeded weights, {}, on {}, tile {:?}\n", bench.network, bench.precision, bench.device, bench.patch);
    let _ = writeln!(text, "{:.1} GFLOP per tile, {} MiB of buffers and weights", bench.tile_gflop, bench.plan_mib);
    if let Some(products) = &bench.products {
        let _ = writeln!(text, "{products}");
    }
    if let Some(peak) = bench.peak_process_mib {
        let _ = writeln!(text, "{peak} MiB peak of this process");
    }
    let (gflops, bytes) = (bench.peak_gflops, bench.peak_gigabytes_per_second);
    let _ = writeln!(text, "peak: {gflops:.1} GFLOP/s on registers, {bytes:.1} GB/s by copying");
    for tile in &bench.tiles {
        let cpu = tile.cpu_seconds.map_or_else(String::new, |cpu| format!(", {cpu:.2} processor seconds"));
        let _ = writeln!(text, "tile: {:.3} s{cpu}, {:.1} GFLOP/s", tile.wall_seconds, bench.tile_gflop / tile.wall_seconds);
    }
    let rows: Vec<_> = bench
        .kernels
        .iter()
        .map(|kernel| {
            let share = format!("{:.1}", kernel.share * 100.0);
            let mut row = vec![kernel.name.clone(), kernel.calls.to_string(), format!("{:.4}", kernel.seconds), share];
            let rates = [(kernel.gflops, bench.peak_gflops), (kernel.gigabytes_per_second, bench.peak_gigabytes_per_second)];
            row.extend(rates.iter().flat_map(|(rate, peak)| [format!("{rate:.1}"), format!("{:.0}", 100.0 * rate / peak)]));
            row
        })
        .collect();
    text + &table(&["kernel", "calls", "seconds", "%", "GFLOP/s", "% of peak", "GB/s", "% of peak"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let text =
            table(&["structure", "ml"], &[vec!["liver".to_owned(), "1500.00".to_owned()], vec!["spleen".to_owned(), "9.00".to_owned()]]);
        assert_eq!(text, "structure       ml\nliver      1500.00\nspleen        9.00\n");
    }
}
