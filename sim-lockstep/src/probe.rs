//! The values of a rust-hdl module's ports, read by name through `Probe`.

use rust_hdl_core::prelude::*;

/// A port's value: 32-bit words, the least significant first, as many as its width needs.
pub(crate) type Value = Vec<u32>;

/// Reads all ports of `dut`, in the order of `longshore_hdl::emit::ports`, into `values`.
pub(crate) fn snapshot<T: Block>(dut: &T, values: &mut Vec<Value>) {
    values.clear();
    dut.accept("dut", &mut Snapshot { depth: 0, values });
}

struct Snapshot<'a> {
    depth: usize,
    values: &'a mut Vec<Value>,
}

impl Probe for Snapshot<'_> {
    fn visit_start_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.depth += 1;
    }
    fn visit_end_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.depth -= 1;
    }
    fn visit_atom(&mut self, _name: &str, signal: &dyn Atom) {
        if self.depth == 1 && signal.kind().is_parameter() {
            self.values
                .push(words(&format!("{:x}", signal.verilog()), signal.bits()));
        }
    }
}

/// The words of a literal such as `64'hdeadbeef`: the only form in which rust-hdl gives a signal of unknown type.
fn words(literal: &str, bits: usize) -> Value {
    let digits = literal.rsplit('h').next().unwrap_or_default().as_bytes();
    let mut words = vec![0; bits.div_ceil(32)];
    for (i, digit) in digits.iter().rev().enumerate() {
        let digit = char::from(*digit)
            .to_digit(16)
            .unwrap_or_else(|| panic!("{literal} is no unsigned literal"));
        if let Some(word) = words.get_mut(i / 8) {
            *word |= digit << (i % 8 * 4);
        }
    }
    words
}

/// A value in hexadecimal.
pub(crate) fn hex(value: &[u32]) -> String {
    let digits: String = value
        .iter()
        .rev()
        .map(|word| format!("{word:08x}"))
        .collect();
    let digits = digits.trim_start_matches('0');
    format!("0x{}", if digits.is_empty() { "0" } else { digits })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_become_words() {
        assert_eq!(words("1'h1", 1), [1]);
        assert_eq!(
            words("73'h1ff8877665544332211", 73),
            [0x4433_2211, 0x8877_6655, 0x1ff]
        );
        assert_eq!(words("64'h0", 64), [0, 0]);
    }

    #[test]
    fn values_are_printed_without_leading_zeros() {
        assert_eq!(hex(&[0, 0]), "0x0");
        assert_eq!(hex(&[0x1, 0xab]), "0xab00000001");
    }
}
