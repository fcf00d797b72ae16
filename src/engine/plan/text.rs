//! A plan as text: what a network costs and which kernels run on what, one line per launch.

use std::fmt;

use super::{Command, Dispatch, Plan, Precision, Range, Source};

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [z, y, x] = self.input.size_zyx;
        let flops = self.flops() as f64 / 1e9;
        writeln!(
            f,
            "tile {z}x{y}x{x} in {}, {} MiB, {flops:.2} GFLOP, {} commands",
            self.precision,
            mib(self.bytes()),
            self.commands.len()
        )?;
        for (index, buffer) in self.buffers.iter().enumerate() {
            writeln!(f, "  #{index} {} {} {}", buffer.name, buffer.precision, kib(buffer.bytes()))?;
        }
        writeln!(f, "  weights f32 {}", kib(self.weight_bytes()))?;
        let mut node = None;
        for command in &self.commands {
            match command {
                Command::Clear(buffer) => writeln!(f, "  clear #{buffer}")?,
                Command::Copy { from, to } => {
                    write!(f, "  copy")?;
                    self.write_range(f, " ", from)?;
                    self.write_range(f, " > ", to)?;
                    writeln!(f)?;
                }
                Command::Dispatch(dispatch) => {
                    if node.replace(dispatch.node) != Some(dispatch.node) {
                        writeln!(f, "{}", self.nodes.get(dispatch.node).map_or("", String::as_str))?;
                    }
                    self.write_dispatch(f, dispatch)?;
                }
            }
        }
        Ok(())
    }
}

impl Plan {
    fn write_dispatch(&self, f: &mut fmt::Formatter<'_>, dispatch: &Dispatch) -> fmt::Result {
        let [x, y, z] = dispatch.groups;
        write!(f, "  {} [{x} {y} {z}]", dispatch.kernel)?;
        for range in &dispatch.reads {
            if let Source::Buffer(_) = range.source {
                self.write_range(f, " ", range)?;
            }
        }
        for range in &dispatch.writes {
            self.write_range(f, " > ", range)?;
        }
        writeln!(f)
    }

    fn write_range(&self, f: &mut fmt::Formatter<'_>, before: &str, range: &Range) -> fmt::Result {
        let Source::Buffer(buffer) = range.source else { return Ok(()) };
        let bytes = self.range_bytes(range);
        write!(f, "{before}#{buffer}")?;
        if bytes.start > 0 || bytes.len() as u64 != self.buffers[buffer].bytes() {
            write!(f, "@{}+{}", bytes.start, bytes.len())?;
        }
        Ok(())
    }
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

fn kib(bytes: u64) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use mednext::{Config, Generation, Preset, graph};

    use crate::kernels::Gemm;
    use crate::plan::{Heads, Limits, lower};
    use crate::selftest::noise_weights;

    /// The whole of what a small network runs, for review: a change of the plan is a change of this text.
    #[test]
    fn a_plan_reads_as_text() {
        let mut config = Config::preset(Preset::S, Generation::V2, 3, 8, 1, 3);
        config.blocks = [1, 1, 0, 0, 1, 0, 0, 0, 1];
        let graph = graph(&config).unwrap();
        let limits =
            Limits { tile_bytes: 16 << 10, gemm: Gemm::workgroup(64), store_hidden_channels: 64, store_up_bytes: 64 << 10, ..Limits::CPU };
        let plan = lower(&graph, &noise_weights(&graph), [16, 32, 32], Heads::Main, limits).unwrap();
        insta::assert_snapshot!(plan.to_string());
    }
}
