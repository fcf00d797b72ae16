//! Tokens are exactly those of the design, and the contrast it promises holds.

use egui::Color32;
use serde_json::Value;
use voxelry_app::look::tokens::{DARK, DOUBT, LIGHT, Palette, Pattern, Patterns, STRUCTURES, Type, breakpoint, gap, radius, structure};
use voxelry_app::look::{Base, Theme};

fn tokens() -> Value {
    serde_json::from_str(include_str!("data/tokens.json")).expect("the design's tokens are JSON")
}

fn hex(colour: Color32) -> String {
    let [red, green, blue, alpha] = colour.to_array();
    assert_eq!(alpha, 255, "tokens are opaque");
    format!("#{red:02X}{green:02X}{blue:02X}")
}

fn named(p: &Palette) -> Vec<(&'static str, Color32)> {
    vec![
        ("canvas", p.canvas),
        ("bg0", p.bg0),
        ("bg1", p.bg1),
        ("bg2", p.bg2),
        ("bg3", p.bg3),
        ("bg4", p.bg4),
        ("line1", p.line1),
        ("line2", p.line2),
        ("text1", p.text1),
        ("text2", p.text2),
        ("text3", p.text3),
        ("accent", p.accent),
        ("onaccent", p.onaccent),
        ("accentdim", p.accentdim),
        ("ok", p.ok),
        ("warn", p.warn),
        ("err", p.err),
        ("okdim", p.okdim),
        ("warndim", p.warndim),
        ("errdim", p.errdim),
        ("errfill", p.errfill),
    ]
}

#[test]
fn palettes_are_the_designs() {
    let tokens = tokens();
    for (theme, palette) in [("dark", DARK), ("light", LIGHT)] {
        let ours: serde_json::Map<String, Value> = named(&palette).into_iter().map(|(name, c)| (name.to_owned(), hex(c).into())).collect();
        assert_eq!(Value::Object(ours), tokens[theme], "{theme}");
    }
}

#[test]
fn structures_and_doubt_are_the_designs() {
    let tokens = tokens();
    let name = |pattern| serde_json::to_value::<Pattern>(pattern).unwrap();
    let ours: Vec<Value> = STRUCTURES.iter().map(|(c, pattern)| serde_json::json!([hex(*c), name(*pattern)])).collect();
    assert_eq!(Value::Array(ours), tokens["structures"]);
    let ours: Vec<Value> = DOUBT.iter().map(|c| hex(*c).into()).collect();
    assert_eq!(Value::Array(ours), tokens["doubt"]);
}

#[test]
fn sizes_are_the_designs() {
    let tokens = tokens();
    let numbers = |value: &Value| -> Vec<f32> { value.as_array().unwrap().iter().map(|n| n.as_f64().unwrap() as f32).collect() };
    assert_eq!(numbers(&tokens["spacing"]), gap::ALL);
    for (name, ours) in [("tag", radius::TAG), ("control", radius::CONTROL), ("card", radius::CARD)] {
        assert_eq!(tokens["radius"][name].as_f64(), Some(f64::from(ours)), "{name}");
    }
    let steps = tokens["type"].as_object().unwrap();
    assert_eq!(steps.len(), Type::ALL.len());
    for step in Type::ALL {
        let name = format!("{step:?}").to_lowercase();
        assert_eq!(numbers(&steps[&name]), [step.size(), step.line()], "{name}");
    }
}

/// Relative luminance as WCAG 2.2 defines it.
fn luminance(colour: Color32) -> f64 {
    let [red, green, blue, _] = colour.to_array().map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(a: Color32, b: Color32) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The contrast of an ink on the worst of some grounds, to two digits, as the design gives it.
fn worst(ink: Color32, grounds: &[Color32]) -> f64 {
    let exact = grounds.iter().map(|ground| contrast(ink, *ground)).fold(f64::INFINITY, f64::min);
    (exact * 100.0).round() / 100.0
}

#[test]
fn dark_contrast_is_what_the_design_says() {
    let p = DARK;
    let grounds = [p.bg0, p.bg1, p.bg2, p.bg3];
    for (ground, said) in grounds.iter().zip([15.0, 14.2, 13.1, 11.5]) {
        assert!((contrast(p.text1, *ground) - said).abs() < 0.06, "text1 {}", contrast(p.text1, *ground));
    }
    assert!(worst(p.text2, &grounds) >= 6.8);
    assert!(worst(p.text3, &grounds) >= 4.7);
    for ink in [p.accent, p.ok, p.warn, p.err] {
        assert!(worst(ink, &grounds) >= 6.2, "{}", worst(ink, &grounds));
    }
    assert!(worst(p.line2, &grounds[1..]) >= 3.2);
    assert!((contrast(p.onaccent, p.accent) - 8.35).abs() < 0.01);
    assert!((contrast(p.text3, p.accentdim) - 4.6).abs() < 0.06);
}

#[test]
fn light_contrast_is_what_the_design_says() {
    let p = LIGHT;
    let grounds = [p.bg0, p.bg1, p.bg2, p.bg3];
    assert!(worst(p.text1, &grounds) >= 13.7);
    assert!(worst(p.text2, &grounds) >= 6.6);
    assert!(worst(p.text3, &grounds) >= 4.68);
    for ink in [p.accent, p.ok, p.warn, p.err] {
        assert!(worst(ink, &grounds) >= 4.8, "{}", worst(ink, &grounds));
    }
    assert!(worst(p.line2, &grounds[1..]) >= 3.2);
    assert!((contrast(p.text3, p.accentdim) - 4.7).abs() < 0.06);
}

#[test]
fn states_are_readable_on_their_own_ground() {
    for p in [DARK, LIGHT] {
        for (ink, ground) in [(p.ok, p.okdim), (p.warn, p.warndim), (p.err, p.errdim), (p.accent, p.accentdim)] {
            assert!(contrast(ink, ground) >= 4.5, "{}", contrast(ink, ground));
        }
        for ground in [p.okdim, p.warndim, p.errdim] {
            assert!(contrast(p.text1, ground) >= 7.0);
        }
        assert!(contrast(p.onaccent, p.accent) >= 4.5);
    }
}

#[test]
fn image_text_is_readable_over_white_bone() {
    // A plate lets 22 % of white through; the design promises 5.3 for the faintest text on it.
    let through = (255.0_f64 * 0.22).round() as u8;
    let ground = Color32::from_gray(through);
    let ratio = contrast(DARK.text2, ground);
    assert!(ratio >= 5.3, "{ratio}");
}

#[test]
fn structures_are_seen_on_black() {
    for (colour, _) in STRUCTURES {
        assert!(contrast(colour, DARK.canvas) >= 4.2, "{} {}", hex(colour), contrast(colour, DARK.canvas));
    }
}

#[test]
fn doubt_gets_lighter_with_doubt() {
    let steps: Vec<f64> = DOUBT.iter().map(|c| luminance(*c)).collect();
    assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
}

#[test]
fn the_list_of_structures_repeats_with_the_next_pattern() {
    assert_eq!(structure(0, Patterns::FromNinth), STRUCTURES[0]);
    assert_eq!(structure(24, Patterns::FromNinth), (STRUCTURES[0].0, Pattern::Dash));
    assert_eq!(structure(24 + 8, Patterns::FromNinth), (STRUCTURES[8].0, Pattern::Dot));
    assert_eq!(structure(24 + 10, Patterns::FromNinth), (STRUCTURES[10].0, Pattern::Solid));
    for index in 0..96 {
        assert_eq!(structure(index, Patterns::Off).1, Pattern::Solid);
        assert_ne!(structure(index, Patterns::Always).1, Pattern::Solid);
    }
    let all: std::collections::HashSet<(Color32, Pattern)> = (0..96).map(|index| structure(index, Patterns::FromNinth)).collect();
    assert_eq!(all.len(), 96, "four rounds without a repeat");
}

#[test]
fn stronger_contrast_brightens_labels_and_borders() {
    for p in [DARK, LIGHT] {
        let strong = p.stronger();
        assert_eq!((strong.text2, strong.line2), (p.text1, p.text2));
    }
}

#[test]
fn panels_fold_at_the_designs_widths() {
    let at = |width: f32| (breakpoint(width).left(), breakpoint(width).right(), breakpoint(width).right_is_drawer());
    assert_eq!(at(1360.0), (256.0, 320.0, false));
    assert_eq!(at(1359.0), (224.0, 280.0, false));
    assert_eq!(at(1100.0), (224.0, 280.0, false));
    assert_eq!(at(1099.0), (44.0, 280.0, true));
}

#[test]
fn the_scale_never_makes_the_smallest_layout_too_large() {
    let scaled = |percent, width, height| Theme { scale_percent: percent, ..Theme::default() }.zoom(egui::vec2(width, height));
    assert_eq!(scaled(100, 1440.0, 900.0), 1.0);
    assert_eq!(scaled(200, 1440.0, 900.0), 1.5, "900 points of height hold 600 at 150 %");
    assert_eq!(scaled(250, 4000.0, 3000.0), 2.5);
    assert_eq!(scaled(400, 9000.0, 9000.0), 2.5);
    assert_eq!(scaled(10, 1440.0, 900.0), 0.8);
}

#[test]
fn a_theme_is_kept_as_words() {
    let theme = Theme { base: Base::System, stronger_contrast: true, reduce_motion: true, scale_percent: 125 };
    let text = serde_json::to_string(&theme).unwrap();
    assert!(text.contains("\"system\""), "{text}");
    assert_eq!(serde_json::from_str::<Theme>(&text).unwrap(), theme);
    assert_eq!(serde_json::from_str::<Theme>("{}").unwrap(), Theme::default(), "older settings lack fields");
}
