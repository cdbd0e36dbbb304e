//! Where the fields of a TLP header lie: the only place in the gateware that knows.
//!
//! PCI Express Base Specification 5.0, section 2.2: first DW 2.2.1, requests 2.2.7, completions 2.2.9. On the 64-bit
//! stream DW *n* lies in lane *n* mod 2, and a DW has the first byte on the link in bits 31:24; so the headers' fields
//! stand as in the specification's figures, and data have their bytes swapped within each DW ([`SwapDws`]).
//!
//! | DW | bits | field |
//! |---|---|---|
//! | 0 | 31:29, 28:24 | Fmt (bit 29: 4-DW header, bit 30: with data, bit 31: prefix), Type |
//! | 0 | 22:20, 18, 13:12 | TC, Attr\[2\], Attr\[1:0\] |
//! | 0 | 15, 14, 9:0 | TD, EP, Length in DW |
//! | 1, request | 31:16, 15:8, 7:4, 3:0 | requester id, tag, last and first DW byte enables |
//! | 1, completion | 31:16, 15:13, 11:0 | completer id, status, byte count |
//! | 2, completion | 31:16, 15:8, 6:0 | requester id, tag, lower address |
//!
//! All modules here are combinational: wires and a few gates.

use rust_hdl_core::prelude::*;

/// The fields of one beat of a header: those of DW 0 and 1 when it is the first, those of DW 2 when it is the second.
#[derive(LogicBlock, Default)]
pub struct Fields {
    /// The beat.
    pub tdata: Signal<In, Bits<64>>,
    /// DW 0: Cpl, CplD or their locked forms.
    pub completion: Signal<Out, Bit>,
    /// DW 0: MRd or MWr.
    pub memory: Signal<Out, Bit>,
    /// DW 0: a request that must be answered: MRd, MRdLk, I/O, configuration, AtomicOps.
    pub non_posted: Signal<Out, Bit>,
    /// DW 0: the header has 4 DW.
    pub four_dw: Signal<Out, Bit>,
    /// DW 0: the TLP has data.
    pub with_data: Signal<Out, Bit>,
    /// DW 0: traffic class.
    pub tc: Signal<Out, Bits<3>>,
    /// DW 0: attribute 2, ID-based ordering.
    pub ido: Signal<Out, Bit>,
    /// DW 0: attributes 1 and 0, relaxed ordering and no snoop.
    pub attr: Signal<Out, Bits<2>>,
    /// DW 0: a digest of one DW follows the data.
    pub digest: Signal<Out, Bit>,
    /// DW 0: the data are poisoned.
    pub poisoned: Signal<Out, Bit>,
    /// DW 0: length in DW, 0 for 1,024.
    pub length: Signal<Out, Bits<10>>,
    /// DW 1 of a request: its requester id.
    pub requester: Signal<Out, Bits<16>>,
    /// DW 1 of a request: its tag.
    pub tag: Signal<Out, Bits<8>>,
    /// DW 1 of a request: byte enables of the last DW.
    pub last_be: Signal<Out, Bits<4>>,
    /// DW 1 of a request: byte enables of the first DW.
    pub first_be: Signal<Out, Bits<4>>,
    /// DW 1 of a completion: status, 0 for success.
    pub status: Signal<Out, Bits<3>>,
    /// DW 1 of a completion: bytes left, this TLP's included.
    pub byte_count: Signal<Out, Bits<12>>,
    /// DW 2 of a completion: who asked.
    pub cpl_requester: Signal<Out, Bits<16>>,
    /// DW 2 of a completion: tag of the request.
    pub cpl_tag: Signal<Out, Bits<8>>,
    /// DW 2 of a completion: lower bits of the first byte's address.
    pub lower_address: Signal<Out, Bits<7>>,
    fmt: Signal<Local, Bits<3>>,
    kind: Signal<Local, Bits<5>>,
    read: Signal<Local, Bit>,
    io_or_cfg: Signal<Local, Bit>,
    atomic: Signal<Local, Bit>,
}

impl Logic for Fields {
    #[hdl_gen]
    fn update(&mut self) {
        self.fmt.next = self.tdata.val().get_bits::<3>(29);
        self.kind.next = self.tdata.val().get_bits::<5>(24);
        self.completion.next =
            !self.fmt.val().get_bit(2) & ((self.kind.val() == 10) | (self.kind.val() == 11));
        self.memory.next = !self.fmt.val().get_bit(2) & (self.kind.val() == 0);
        self.read.next =
            !self.fmt.val().get_bit(1) & ((self.kind.val() == 0) | (self.kind.val() == 1));
        self.io_or_cfg.next =
            (self.kind.val() == 2) | (self.kind.val() == 4) | (self.kind.val() == 5);
        self.atomic.next =
            (self.kind.val() == 12) | (self.kind.val() == 13) | (self.kind.val() == 14);
        self.non_posted.next = !self.fmt.val().get_bit(2)
            & (self.read.val() | self.io_or_cfg.val() | self.atomic.val());
        self.four_dw.next = self.fmt.val().get_bit(0);
        self.with_data.next = self.fmt.val().get_bit(1);
        self.tc.next = self.tdata.val().get_bits::<3>(20);
        self.ido.next = self.tdata.val().get_bit(18);
        self.digest.next = self.tdata.val().get_bit(15);
        self.poisoned.next = self.tdata.val().get_bit(14);
        self.attr.next = self.tdata.val().get_bits::<2>(12);
        self.length.next = self.tdata.val().get_bits::<10>(0);
        self.requester.next = self.tdata.val().get_bits::<16>(48);
        self.tag.next = self.tdata.val().get_bits::<8>(40);
        self.last_be.next = self.tdata.val().get_bits::<4>(36);
        self.first_be.next = self.tdata.val().get_bits::<4>(32);
        self.status.next = self.tdata.val().get_bits::<3>(45);
        self.byte_count.next = self.tdata.val().get_bits::<12>(32);
        self.cpl_requester.next = self.tdata.val().get_bits::<16>(16);
        self.cpl_tag.next = self.tdata.val().get_bits::<8>(8);
        self.lower_address.next = self.tdata.val().get_bits::<7>(0);
    }
}

/// The header of a memory request (2.2.7): TC 0, no attributes, so strictly ordered.
///
/// The header has 4 DW where the address needs them: 2.2.4.1 forbids them below 4 GiB.
#[derive(LogicBlock, Default)]
pub struct RequestHeader {
    /// MWr, else MRd.
    pub write: Signal<In, Bit>,
    /// Address; the two lowest bits are ignored.
    pub addr: Signal<In, Bits<64>>,
    /// DWs, 1..=1,023.
    pub length: Signal<In, Bits<10>>,
    /// This function's id.
    pub requester: Signal<In, Bits<16>>,
    /// Tag.
    pub tag: Signal<In, Bits<8>>,
    /// Byte enables of the first DW.
    pub first_be: Signal<In, Bits<4>>,
    /// Byte enables of the last DW; 0 if it is the first.
    pub last_be: Signal<In, Bits<4>>,
    /// The header has 4 DW.
    pub four_dw: Signal<Out, Bit>,
    /// DW 0 and 1.
    pub first: Signal<Out, Bits<64>>,
    /// DW 2, and DW 3 if there is one, else zero.
    pub second: Signal<Out, Bits<64>>,
    four: Signal<Local, Bit>,
    fmt: Signal<Local, Bits<32>>,
    dw0: Signal<Local, Bits<32>>,
    dw1: Signal<Local, Bits<32>>,
    upper: Signal<Local, Bits<32>>,
    lower: Signal<Local, Bits<32>>,
}

impl Logic for RequestHeader {
    #[hdl_gen]
    fn update(&mut self) {
        self.upper.next = self.addr.val().get_bits::<32>(32);
        self.lower.next = bit_cast::<32, 30>(self.addr.val().get_bits::<30>(2)) << 2;
        self.four.next = self.upper.val().any();
        self.fmt.next = 0.into();
        if self.four.val() & self.write.val() {
            self.fmt.next = 0x6000_0000.into();
        } else if self.four.val() {
            self.fmt.next = 0x2000_0000.into();
        } else if self.write.val() {
            self.fmt.next = 0x4000_0000.into();
        }
        self.dw0.next = self.fmt.val() | bit_cast::<32, 10>(self.length.val());
        self.dw1.next = (bit_cast::<32, 16>(self.requester.val()) << 16)
            | (bit_cast::<32, 8>(self.tag.val()) << 8)
            | (bit_cast::<32, 4>(self.last_be.val()) << 4)
            | bit_cast::<32, 4>(self.first_be.val());
        self.four_dw.next = self.four.val();
        self.first.next =
            (bit_cast::<64, 32>(self.dw1.val()) << 32) | bit_cast::<64, 32>(self.dw0.val());
        self.second.next = bit_cast::<64, 32>(self.lower.val());
        if self.four.val() {
            self.second.next =
                (bit_cast::<64, 32>(self.lower.val()) << 32) | bit_cast::<64, 32>(self.upper.val());
        }
    }
}

/// The header of a completion (2.2.9), with one DW of data or without.
#[derive(LogicBlock, Default)]
pub struct CompletionHeader {
    /// CplD with one DW, else Cpl.
    pub with_data: Signal<In, Bit>,
    /// Traffic class of the request.
    pub tc: Signal<In, Bits<3>>,
    /// Attribute 2 of the request.
    pub ido: Signal<In, Bit>,
    /// Attributes 1 and 0 of the request.
    pub attr: Signal<In, Bits<2>>,
    /// This function's id.
    pub completer: Signal<In, Bits<16>>,
    /// The request is unsupported (status UR), else served (SC).
    pub unsupported: Signal<In, Bit>,
    /// Bytes left, this TLP's included.
    pub byte_count: Signal<In, Bits<12>>,
    /// Requester id of the request.
    pub requester: Signal<In, Bits<16>>,
    /// Tag of the request.
    pub tag: Signal<In, Bits<8>>,
    /// Lower bits of the first byte's address.
    pub lower_address: Signal<In, Bits<7>>,
    /// DW 0 and 1.
    pub first: Signal<Out, Bits<64>>,
    /// DW 2.
    pub dw2: Signal<Out, Bits<32>>,
    fixed: Signal<Local, Bits<32>>,
    order: Signal<Local, Bits<32>>,
    status: Signal<Local, Bits<32>>,
    dw0: Signal<Local, Bits<32>>,
    dw1: Signal<Local, Bits<32>>,
}

impl Logic for CompletionHeader {
    #[hdl_gen]
    fn update(&mut self) {
        self.fixed.next = 0x0a00_0000.into();
        if self.with_data.val() {
            self.fixed.next = 0x4a00_0001.into();
        }
        self.order.next = 0.into();
        if self.ido.val() {
            self.order.next = 0x0004_0000.into();
        }
        self.status.next = 0.into();
        if self.unsupported.val() {
            self.status.next = 0x2000.into();
        }
        self.dw0.next = self.fixed.val()
            | self.order.val()
            | (bit_cast::<32, 3>(self.tc.val()) << 20)
            | (bit_cast::<32, 2>(self.attr.val()) << 12);
        self.dw1.next = (bit_cast::<32, 16>(self.completer.val()) << 16)
            | self.status.val()
            | bit_cast::<32, 12>(self.byte_count.val());
        self.first.next =
            (bit_cast::<64, 32>(self.dw1.val()) << 32) | bit_cast::<64, 32>(self.dw0.val());
        self.dw2.next = (bit_cast::<32, 16>(self.requester.val()) << 16)
            | (bit_cast::<32, 8>(self.tag.val()) << 8)
            | bit_cast::<32, 7>(self.lower_address.val());
    }
}

/// Swaps the bytes of both DWs of a beat: between memory order (first byte in bits 7:0) and the link's.
#[derive(LogicBlock)]
pub struct SwapDws {
    /// Either order.
    pub a: Signal<In, Bits<64>>,
    /// The other order.
    pub y: Signal<Out, Bits<64>>,
    outer: Constant<Bits<64>>,
    inner: Constant<Bits<64>>,
}

impl Default for SwapDws {
    fn default() -> Self {
        Self {
            a: Default::default(),
            y: Default::default(),
            outer: Constant::new(0x0000_00ff_0000_00ff_u64.into()),
            inner: Constant::new(0x0000_ff00_0000_ff00_u64.into()),
        }
    }
}

impl Logic for SwapDws {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = ((self.a.val() & self.outer.val()) << 24)
            | ((self.a.val() & self.inner.val()) << 8)
            | ((self.a.val() >> 8) & self.inner.val())
            | ((self.a.val() >> 24) & self.outer.val());
    }
}
