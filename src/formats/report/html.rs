//! Text as HTML shows it.

/// Escaped for element content and for quoted attributes. Control characters, which HTML forbids, become blanks.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' => html.push('\n'),
            c if c.is_control() => html.push(' '),
            c => html.push(c),
        }
    }
    html
}
