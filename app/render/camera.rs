//! placeholder until the render branch lands
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Camera;
impl Camera { pub fn fitted(self) -> Self { self } }
