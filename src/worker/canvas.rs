//! An RGB picture in memory, and its PNG.

/// sRGB.
pub(crate) type Color = [u8; 3];

/// Pixels by rows, top first.
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A picture of one colour.
    pub(crate) fn new(width: usize, height: usize, background: Color) -> Self {
        Self { width, height, pixels: background.repeat(width * height) }
    }

    /// Sets a pixel; outside nothing happens.
    pub(crate) fn set(&mut self, x: usize, y: usize, color: Color) {
        if x < self.width && y < self.height {
            let at = (y * self.width + x) * 3;
            self.pixels[at..at + 3].copy_from_slice(&color);
        }
    }

    /// Fills a rectangle.
    pub(crate) fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, color: Color) {
        for row in y..y + height {
            (x..x + width).for_each(|column| self.set(column, row, color));
        }
    }

    /// The picture as a PNG file.
    pub(crate) fn to_png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }
}

/// `over` laid on `under` with the given opacity.
pub(crate) fn blend(under: Color, over: Color, opacity: f32) -> Color {
    std::array::from_fn(|c| (f32::from(under[c]) * (1.0 - opacity) + f32::from(over[c]) * opacity).round() as u8)
}
