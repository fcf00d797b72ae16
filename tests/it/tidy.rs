//! Rules about the source tree: layers, file length, the shader catalogue, no patient values in logs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of our crates each may use (DESIGN: a layer held only by convention erodes).
const LAYERS: &[(&str, &[&str])] = &[
    ("volume", &[]),
    ("formats", &["volume"]),
    ("mednext", &[]),
    ("engine", &["mednext"]),
    ("pipeline", &["volume", "mednext", "engine"]),
    ("phantom", &["volume", "formats"]),
    ("mask", &["volume"]),
    ("finetune", &["volume", "mednext", "pipeline"]),
    ("jobs", &["volume"]),
    ("worker", &["volume", "formats", "mednext", "engine", "pipeline", "mask", "jobs"]),
    ("voxelry-app", &["volume", "mask", "jobs", "worker"]),
    ("voxelry", &["jobs", "worker"]),
];

/// Libraries that only some layers may import, by name or name prefix ending in `-`.
const OWNED: &[(&str, &[&str])] = &[
    ("wgpu", &["engine", "voxelry-app"]),
    ("naga", &["engine"]),
    ("nifti", &["formats"]),
    ("dicom-", &["formats"]),
    ("pytorch-reader", &["mednext"]),
    ("burn", &["finetune"]),
    ("burn-", &["finetune"]),
    ("cubecl", &["finetune"]),
    ("egui", &["voxelry-app"]),
    ("eframe", &["voxelry-app"]),
];

const MAX_LINES: usize = 800;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below some folders of the repository with one of the endings.
fn files(folders: &[&str], endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).filter(|folder| folder.is_dir()).collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().and_then(|e| e.to_str()).is_some_and(|e| endings.contains(&e)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What every crate of the workspace imports outside tests.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output =
        Command::new(cargo).args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let shipped = dependencies.filter(|dependency| dependency["kind"] != "dev").map(|dependency| text(&dependency["name"]));
            (text(&package["name"]), shipped.collect())
        })
        .collect()
}

#[test]
fn layers_only_use_what_lies_below() {
    let ours: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    for (package, imports) in imports() {
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == package) else {
            panic!("the crate {package} has no row in the table of layers");
        };
        for import in imports.iter().filter(|import| ours.contains(import.as_str())) {
            assert!(allowed.contains(&import.as_str()), "{package} must not use {import}");
        }
    }
}

#[test]
fn libraries_with_an_owner_stay_with_it() {
    for (package, imports) in imports() {
        for (library, owners) in OWNED {
            let is_it = |import: &String| if library.ends_with('-') { import.starts_with(library) } else { import == library };
            let import = imports.iter().find(|import| is_it(import));
            assert!(import.is_none() || owners.contains(&package.as_str()), "{package} imports {import:?}, which belongs to {owners:?}");
        }
    }
}

#[test]
fn files_stay_short() {
    for path in files(&["src", "app", "shaders", "tests"], &["rs", "wgsl"]) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines, more than {MAX_LINES}: split it", path.display());
    }
}

#[test]
fn every_source_file_says_its_purpose_first() {
    for path in files(&["src", "app", "tests"], &["rs"]) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} does not begin with a `//!` line", path.display());
    }
}

#[test]
fn every_shader_is_in_the_catalogue() {
    let rows: BTreeSet<&str> = engine::kernels::CATALOGUE.iter().map(|row| row.name).collect();
    let shaders = fs::read_dir(root().join("shaders")).unwrap().map(|entry| entry.unwrap().path());
    let shaders: BTreeSet<String> = shaders
        .filter(|path| path.extension().is_some_and(|e| e == "wgsl"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(shaders.iter().map(String::as_str).collect::<BTreeSet<_>>(), rows);
}

/// Macros whose text reaches a terminal or a log.
const SPEAKING: &[&str] =
    &["trace!", "debug!", "info!", "warn!", "error!", "span!", "print!", "println!", "eprint!", "eprintln!", "dbg!", "panic!"];

/// The bodies of all speaking macro calls, found by matching parentheses.
fn spoken(source: &str) -> Vec<&str> {
    let mut bodies = Vec::new();
    for call in SPEAKING {
        for (at, _) in source.match_indices(call) {
            let body = &source[at + call.len()..];
            let mut depth = 0;
            let end = body.char_indices().find_map(|(i, c)| {
                depth += i32::from(matches!(c, '(' | '{' | '[')) - i32::from(matches!(c, ')' | '}' | ']'));
                (depth == 0).then_some(i)
            });
            bodies.push(&body[..end.unwrap_or(body.len())]);
        }
    }
    bodies
}

fn names_a_patient(text: &str) -> bool {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    ["patientname", "patientid", "patientbirth"].iter().any(|word| plain.contains(word))
}

#[test]
fn nothing_spoken_names_a_patient() {
    for path in files(&["src", "app"], &["rs"]) {
        let source = fs::read_to_string(&path).unwrap();
        for body in spoken(&source) {
            assert!(!names_a_patient(body), "{} speaks of a patient: {body}", path.display());
        }
    }
}

#[test]
fn the_search_for_patient_values_would_find_one() {
    let source = "fn f() { tracing::warn!(path, \"odd file of {}\",\n object.element(tags::PATIENT_NAME)?); let x = 1; }";
    assert!(spoken(source).iter().any(|body| names_a_patient(body)));
    assert!(!names_a_patient("the patient lies on the table"));
}

/// Ways to write a colour into code.
const COLOURS: &[&str] = &[
    "Color32::from_rgb",
    "Color32::from_gray",
    "Color32::from_hex",
    "Color32::from_black_alpha",
    "Color32::from_white_alpha",
    "Color32::from_additive",
    "Rgba::from_",
    "Hsva::new",
    "hex_color!",
];

/// Calls whose plain numbers are sizes. `vec2` also makes directions and shares, so it may hold numbers up to one.
const SIZES: &[(&str, f32)] = &[
    ("FontId::new(", 0.0),
    ("FontId::proportional(", 0.0),
    ("FontId::monospace(", 0.0),
    ("Margin::same(", 0.0),
    ("Margin::symmetric(", 0.0),
    ("CornerRadius::same(", 0.0),
    ("Stroke::new(", 0.0),
    ("vec2(", 1.0),
    ("Vec2::new(", 1.0),
    ("Vec2::splat(", 1.0),
    (".add_space(", 0.0),
    (".set_width(", 0.0),
    (".set_height(", 0.0),
    (".set_min_width(", 0.0),
    (".set_max_width(", 0.0),
    (".set_min_height(", 0.0),
    (".set_max_height(", 0.0),
    (".exact_size(", 0.0),
    (".default_size(", 0.0),
    (".desired_width(", 0.0),
    (".corner_radius(", 0.0),
    (".inner_margin(", 0.0),
    (".outer_margin(", 0.0),
];

/// Colours and sizes written into a source text, as they stand there.
fn loose_numbers(source: &str) -> Vec<String> {
    let mut found: Vec<String> = COLOURS.iter().filter(|way| source.contains(**way)).map(|way| (*way).to_owned()).collect();
    for (at, _) in source.match_indices("Color32::") {
        let name: String = source[at + "Color32::".len()..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
        // No paint, and "as given": neither is a colour.
        if name.len() > 1 && !["TRANSPARENT", "PLACEHOLDER"].contains(&name.as_str()) {
            found.push(format!("Color32::{name}"));
        }
    }
    for (call, most) in SIZES {
        for (at, _) in source.match_indices(call) {
            let inside_a_name = call.starts_with(char::is_alphabetic) && source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let numbers = arguments(&source[at + call.len()..]).into_iter().filter_map(|argument| number(&argument));
            if !inside_a_name && numbers.into_iter().any(|number| number.abs() > *most) {
                found.push(source[at..].chars().take(40).collect());
            }
        }
    }
    found
}

/// The arguments of a call, from after its opening parenthesis.
fn arguments(source: &str) -> Vec<String> {
    let (mut depth, mut all) = (0, vec![String::new()]);
    for c in source.chars() {
        match c {
            ')' if depth == 0 => break,
            ',' if depth == 0 => all.push(String::new()),
            _ => {
                depth += i32::from("([{".contains(c)) - i32::from(")]}".contains(c));
                all.last_mut().unwrap().push(c);
            }
        }
    }
    all
}

/// An argument that is a number and nothing else.
fn number(argument: &str) -> Option<f32> {
    argument.trim().trim_end_matches("f32").trim_end_matches('_').replace('_', "").parse().ok()
}

#[test]
fn only_tokens_hold_colours_and_sizes() {
    let look = root().join("app/look");
    for path in files(&["app"], &["rs"]) {
        let tests = path.starts_with(root().join("app/tests")) || path.file_name().unwrap().to_string_lossy().starts_with("tests_");
        let exempt = path.starts_with(look.join("tokens")) || path == look.join("tokens.rs") || tests;
        if !exempt {
            let source = fs::read_to_string(&path).unwrap();
            // Tests at the end of a file make up rectangles and colours of their own.
            let code = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let loose = loose_numbers(code);
            assert!(loose.is_empty(), "{} holds {loose:?}: put it into app/look/tokens", path.display());
        }
    }
}

#[test]
fn loose_numbers_are_found_and_others_left_alone() {
    for bad in
        ["Color32::from_rgb(1, 2, 3)", "Color32::WHITE", "vec2(12.0, x)", "ui.add_space(8.0)", "Stroke::new(1.0, ink)", "Margin::same(4)"]
    {
        assert!(!loose_numbers(bad).is_empty(), "{bad}");
    }
    for good in
        ["Color32::TRANSPARENT", "vec2(0.5, -1.0)", "vec2(width / 2.0, 0.0)", "ui.add_space(gap::S)", "my_vec2(12.0)", "Margin::same(0)"]
    {
        assert_eq!(loose_numbers(good), Vec::<String>::new(), "{good}");
    }
}
