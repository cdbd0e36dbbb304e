//! The seed of a random test.

/// `$LONGSHORE_SEED` (decimal, or hexadecimal after `0x`) to replay a test, else a fresh one; printed, so that a failing
/// test shows it.
///
/// # Panics
/// If the variable holds no number.
#[must_use]
pub fn seed() -> u64 {
    let seed = match std::env::var("LONGSHORE_SEED") {
        Ok(text) => {
            let parsed = match text.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16),
                None => text.parse(),
            };
            parsed.unwrap_or_else(|e| panic!("LONGSHORE_SEED={text:?} is no number: {e}"))
        }
        Err(_) => rand::random(),
    };
    println!("LONGSHORE_SEED={seed}");
    seed
}
