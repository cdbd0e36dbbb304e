//! An adder whose model and Verilog differ on purpose: the Verilog loses the carry into bit 8.

use rust_hdl_core::prelude::*;

/// `y` is `a + b`: in the model; in the Verilog each byte is added by itself.
#[derive(LogicBlock, Default)]
pub struct Carry {
    /// First summand.
    pub a: Signal<In, Bits<16>>,
    /// Second summand.
    pub b: Signal<In, Bits<16>>,
    /// Sum modulo 65,536.
    pub y: Signal<Out, Bits<16>>,
}

impl Logic for Carry {
    fn update(&mut self) {
        self.y.next = self.a.val() + self.b.val();
    }

    fn connect(&mut self) {
        self.y.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(
            "always @(*) begin
  y[7:0] = a[7:0] + b[7:0];
  y[15:8] = a[15:8] + b[15:8];
end
"
            .into(),
        )
    }
}
