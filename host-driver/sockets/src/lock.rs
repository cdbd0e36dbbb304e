//! The levels of the locks taken here (`longshore_refs::order`), under names that do not clash with what they guard.

pub(crate) use longshore_refs::order::{
    Guard, Leaf, Listener as ListenerLevel, Ordered, Outermost, Owner, Pcb as PcbLevel, Precedes,
    Ring, Root, Shard as ShardLevel, Timers as TimersLevel, Token,
};

/// What a thread holds that has locked a connection: the right to take what comes after it.
pub(crate) type UnderPcb<'t> = Token<'t, PcbLevel>;
