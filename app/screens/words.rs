//! Numbers as people say them.

use std::time::{Duration, SystemTime};

/// Seconds as "8 s", "1 min 50 s", "6 min" or "2 h 5 min".
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Time left: to 1 s below a minute, 10 s below ten minutes, then to the minute.
pub(crate) fn time_left(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    let rounded = match seconds {
        ..60.0 => seconds.round(),
        60.0..600.0 => (seconds / 10.0).round() * 10.0,
        _ => (seconds / 60.0).round() * 60.0,
    };
    duration(rounded)
}

/// Mebibytes as "2.3 GB" or "310 MB".
pub(crate) fn memory(mib: u64) -> String {
    if mib >= 1024 { format!("{:.1} GB", mib as f64 / 1024.0) } else { format!("{mib} MB") }
}

/// A part of so many mebibytes in the unit of the whole: "2.3" of 8 GB. What would be "0.0" says its own: "32 MB".
pub(crate) fn part_of(mib: u64, whole: u64) -> String {
    match (mib, whole) {
        (1..52, 1024..) => memory(mib),
        (_, 1024..) => format!("{:.1}", mib as f64 / 1024.0),
        _ => mib.to_string(),
    }
}

/// Mebibytes of so many as "2.3 of 4.1 GB".
pub(crate) fn memory_of(mib: u64, whole: u64) -> String {
    format!("{} of {}", part_of(mib, whole), memory(whole))
}

/// Bytes as "4.2 MB", "125 MB" or "6 KB".
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{} KB", bytes / 1000),
        1_000_000..100_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        100_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// A graphics interface as its makers write it.
pub(crate) fn backend(name: &str) -> &str {
    match name.to_ascii_lowercase().as_str() {
        "vulkan" => "Vulkan",
        "metal" => "Metal",
        "dx12" => "DirectX 12",
        "gl" => "OpenGL",
        _ => name,
    }
}

/// Words with a capital first.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// "1 case" or "3 cases".
pub(crate) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number as u64), if number == 1 { one } else { many })
}

/// Millimetres with the decimals they need, one at least and two at most: "0.98", "3.0".
pub(crate) fn mm(length: f64) -> String {
    let text = format!("{length:.2}");
    text.strip_suffix('0').map_or_else(|| text.clone(), str::to_owned)
}

/// A whole number with commas between thousands, e.g. "1,076".
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How long ago an RFC 3339 UTC time was, which reads the same in every time zone; the date where it was long ago.
pub(crate) fn ago(at: &str, now: SystemTime) -> String {
    let Some(then) = seconds_of(at) else { return at.to_owned() };
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let counted = |number: u64, one: &str, many: &str| if number == 1 { format!("1 {one} ago") } else { format!("{number} {many} ago") };
    match now.saturating_sub(then) {
        0..60 => "just now".to_owned(),
        past @ 60..3600 => format!("{} min ago", past / 60),
        past @ 3600..86_400 => format!("{} h ago", past / 3600),
        past @ 86_400..604_800 => counted(past / 86_400, "day", "days"),
        _ => date(at),
    }
}

/// "9 Nov 2026" of an RFC 3339 time.
fn date(at: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let number = |range| at.get(range).and_then(|digits: &str| digits.parse::<usize>().ok());
    let month = number(5..7).and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    match (number(8..10), month, at.get(..4)) {
        (Some(day), Some(month), Some(year)) => format!("{day} {month} {year}"),
        _ => at.to_owned(),
    }
}

/// Seconds since 1970 of `2026-11-21T14:32:07Z`.
fn seconds_of(at: &str) -> Option<u64> {
    let number = |range| at.get(range).and_then(|digits: &str| digits.parse::<u64>().ok());
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    // Years begin in March, so that the leap day is their last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day.checked_sub(1)?;
    let days = days.checked_sub(719_468)?;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// A signed number with a real minus sign.
pub(crate) fn signed(number: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", number.abs());
    let is_zero = text.bytes().all(|b| matches!(b, b'0' | b'.'));
    if number < 0.0 && !is_zero { format!("−{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_numbers() {
        assert_eq!(duration(110.0), "1 min 50 s");
        assert_eq!(duration(7500.0), "2 h 5 min");
        assert_eq!((time_left(68.4), time_left(8.4), time_left(1234.0)), ("1 min 10 s".into(), "8 s".into(), "21 min".into()));
        assert_eq!((memory(2355), memory(310)), ("2.3 GB".into(), "310 MB".into()));
        assert_eq!((memory_of(2355, 4200), memory_of(310, 2355)), ("2.3 of 4.1 GB".into(), "0.3 of 2.3 GB".into()));
        assert_eq!((memory_of(310, 900), part_of(310, 900)), ("310 of 900 MB".into(), "310".into()));
        assert_eq!((memory_of(32, 4200), part_of(0, 4200), part_of(52, 4200)), ("32 MB of 4.1 GB".into(), "0.0".into(), "0.1".into()));
        assert_eq!((bytes(4_200_000), bytes(6100), bytes(125_000_000)), ("4.2 MB".into(), "6 KB".into(), "125 MB".into()));
        assert_eq!((thousands(1076), thousands(12), thousands(1_234_567)), ("1,076".into(), "12".into(), "1,234,567".into()));
        assert_eq!((duration(360.0), duration(8.0)), ("6 min".into(), "8 s".into()));
        assert_eq!((signed(-9.0, 0), signed(-0.2, 0)), ("−9".into(), "0".into()));
        assert_eq!([mm(3.0), mm(0.976_562), mm(1.5)], ["3.0", "0.98", "1.5"]);
        assert_eq!([counted(1, "case", "cases"), counted(1200, "case", "cases")], ["1 case", "1,200 cases"]);
        assert_eq!((capital("the slices"), backend("vulkan")), ("The slices".into(), "Vulkan"));
    }

    #[test]
    fn times_are_said_from_now_on() {
        // date -u -d @1795271527 is 2026-11-21 14:32:07.
        let at = "2026-11-21T14:32:07Z";
        assert_eq!(seconds_of(at), Some(1_795_271_527));
        assert_eq!(seconds_of("2024-02-29T00:00:00Z"), Some(1_709_164_800));
        let after = |seconds: u64| ago(at, SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_271_527 + seconds));
        assert_eq!([after(3), after(900), after(7300)], ["just now", "15 min ago", "2 h ago"]);
        assert_eq!([after(90_000), after(200_000), after(900_000)], ["1 day ago", "2 days ago", "21 Nov 2026"]);
        assert_eq!(ago("soon", SystemTime::now()), "soon");
    }
}
