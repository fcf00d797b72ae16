//! Where the sample study and the sample model lie.

use std::path::{Path, PathBuf};

/// How far above the program a build folder has them.
const FOLDERS_UP: usize = 4;
/// Below the folder above the program's: what installers of Linux write (`/usr/bin` beside `/usr/lib/voxelry-app`, inside an AppImage
/// too), and the bundle of macOS.
const INSTALLED: [&str; 2] = ["lib/voxelry-app/assets", "Resources/assets"];

/// The assets that come with the program and hold the file or folder `sign`; else those of the source tree it was built from.
pub fn find_assets(sign: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().unwrap_or_default();
    let source = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets"));
    beside(&program, sign).or_else(|| source.join(sign).exists().then_some(source))
}

fn beside(program: &Path, sign: &str) -> Option<PathBuf> {
    let built = program.ancestors().skip(1).take(FOLDERS_UP).map(|folder| folder.join("assets"));
    let installed = program.ancestors().nth(2).into_iter().flat_map(|folder| INSTALLED.map(|below| folder.join(below)));
    built.chain(installed).find(|assets| assets.join(sign).exists())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_kind_of_installation_is_found() {
        for (program, assets) in [
            ("target/release/voxelry-app", "assets"),
            ("voxelry/voxelry-app.exe", "voxelry/assets"),
            ("usr/bin/voxelry-app", "usr/lib/voxelry-app/assets"),
            ("Voxelry.app/Contents/MacOS/voxelry-app", "Voxelry.app/Contents/Resources/assets"),
        ] {
            let root = tempfile::tempdir().unwrap();
            let [program, assets] = [program, assets].map(|path| root.path().join(path));
            assert_eq!(beside(&program, "sample/ct"), None);
            fs::create_dir_all(assets.join("sample/ct")).unwrap();
            assert_eq!(beside(&program, "sample/ct"), Some(assets.clone()));
            assert_eq!(beside(&program, "models"), None, "assets without what is asked for are others'");
        }
    }
}
