//! Progress bars; silent where nobody looks.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `len` bytes, with a name.
pub fn bar(name: &'static str, len: u64) -> ProgressBar {
    let style = "{prefix:>9} [{bar:40}] {bytes:>10} of {total_bytes} {msg}";
    let bar = ProgressBar::new(len).with_prefix(name);
    // The template is a constant: were it wrong, the plain style would do.
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}
