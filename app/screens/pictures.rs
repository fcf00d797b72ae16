//! Small pictures from PNG files, as textures that are loaded once.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use eframe::egui::{ColorImage, Context, TextureHandle, TextureOptions};

/// Textures kept; more are of a list nobody looks at any more.
const KEPT: usize = 128;

/// Pictures by path. One that changes on disk is loaded again.
#[derive(Default)]
pub(crate) struct Pictures {
    loaded: HashMap<PathBuf, (Option<SystemTime>, Option<TextureHandle>)>,
}

impl Pictures {
    /// The picture of a file; nothing where there is none or it cannot be read.
    pub(crate) fn of(&mut self, ctx: &Context, path: &Path) -> Option<TextureHandle> {
        let changed = std::fs::metadata(path).and_then(|about| about.modified()).ok();
        if let Some((when, picture)) = self.loaded.get(path)
            && *when == changed
        {
            return picture.clone();
        }
        if self.loaded.len() >= KEPT {
            self.loaded.clear();
        }
        let picture = read(path).map(|image| ctx.load_texture("picture", image, TextureOptions::LINEAR));
        self.loaded.insert(path.to_owned(), (changed, picture.clone()));
        picture
    }
}

/// Grey or colour, eight bits.
fn read(path: &Path) -> Option<ColorImage> {
    let mut decoder = png::Decoder::new(BufReader::new(File::open(path).ok()?));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut pixels).ok()?;
    let size = [info.width as usize, info.height as usize];
    let pixels = &pixels[..info.buffer_size()];
    match info.color_type {
        png::ColorType::Grayscale => Some(ColorImage::from_gray(size, pixels)),
        png::ColorType::Rgb => Some(ColorImage::from_rgb(size, pixels)),
        png::ColorType::Rgba => Some(ColorImage::from_rgba_unmultiplied(size, pixels)),
        _ => None,
    }
}
