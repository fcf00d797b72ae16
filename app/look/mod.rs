//! placeholder
pub mod tokens { pub const WINDOW: [f32;2] = [1440.0, 900.0]; }
