//! Names that a field must not have.

/// Keywords of Verilog 2005 and SystemVerilog 2017.
const VERILOG: &str = "accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind \
bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config const constraint context \
continue cover covergroup coverpoint cross deassign default defparam design disable dist do edge else end endcase endchecker endclass \
endclocking endconfig endfunction endgenerate endgroup endinterface endmodule endpackage endprimitive endprogram endproperty endsequence \
endspecify endtable endtask enum event eventually expect export extends extern final first_match for force foreach forever fork forkjoin \
function generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include initial \
inout input inside instance int integer interconnect interface intersect join join_any join_none large let liblist library local \
localparam logic longint macromodule matches medium modport module nand negedge nettype new nexttime nmos nor noshowcancelled not \
notif0 notif1 null or output package packed parameter pmos posedge primitive priority program property protected pull0 pull1 pulldown \
pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg reject_on release repeat \
restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint \
shortreal showcancelled signed small soft solve specify specparam static string strong strong0 strong1 struct super supply0 supply1 \
sync_accept_on sync_reject_on table tagged task this throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand \
trior trireg type typedef union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait wait_order \
wand weak weak0 weak1 while wildcard wire with within wor xnor xor";

/// Words of C++ and of its library that Verilator refuses or renames in its port names (SYMRSVDWORD).
const CPP: &str = "abort and_eq asm atomic_cancel atomic_commit atomic_noexcept auto bitand bitor bool catch char co_await co_return co_yield \
compl concept const_cast constexpr decltype delete double dynamic_cast explicit false final float friend goto inline long mutable \
namespace noexcept not_eq nullptr operator or_eq override private public register reinterpret_cast requires short sizeof \
static_assert static_cast synchronized switch template thread_local throw true try typeid typename using volatile wchar_t xor_eq";

/// Why `name` cannot name a field of a module, if it cannot.
pub(super) fn reason(name: &str) -> Option<&'static str> {
    if VERILOG.split_ascii_whitespace().any(|k| k == name) {
        Some("is a Verilog keyword")
    } else if CPP.split_ascii_whitespace().any(|k| k == name) {
        Some("is a C++ word that Verilator cannot use")
    } else {
        None
    }
}
