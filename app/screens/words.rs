//! Numbers as people say them.

/// Seconds as "8 s", "1 min 50 s" or "2 h 5 min".
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
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

/// Bytes as "4.2 MB" or "6 KB".
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{} KB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
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
        assert_eq!((time_left(68.4), time_left(8.4), time_left(1234.0)), ("1 min 10 s".into(), "8 s".into(), "21 min 0 s".into()));
        assert_eq!((memory(2355), memory(310)), ("2.3 GB".into(), "310 MB".into()));
        assert_eq!((bytes(4_200_000), bytes(6100)), ("4.2 MB".into(), "6 KB".into()));
        assert_eq!((thousands(1076), thousands(12), thousands(1_234_567)), ("1,076".into(), "12".into(), "1,234,567".into()));
        assert_eq!((signed(-9.0, 0), signed(-0.2, 0)), ("−9".into(), "0".into()));
    }
}
