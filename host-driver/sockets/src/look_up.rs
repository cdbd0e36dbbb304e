//! The inbound look-up by itself, for measuring; not part of the interface.

use std::net::{IpAddr, Ipv4Addr};

use longshore_refs::Handle;

use crate::lock::Token;
use crate::table::Table;
use crate::tuple::Tuple;

/// A table of connections of one server.
#[derive(Debug, Default)]
pub struct LookUp {
    table: Table,
}

impl LookUp {
    /// Enters the connection of client number `client` under `handle`.
    pub fn enter(&self, client: u32, handle: Handle) -> bool {
        self.table
            .insert_pcb(&mut Token::root(), &tuple(client), handle)
    }

    /// What an arriving segment of that client is looked up by.
    pub fn find(&self, client: u32) -> Option<Handle> {
        self.table.pcb(&mut Token::root(), &tuple(client))
    }
}

/// Clients differ in address and port, as a server's do.
fn tuple(client: u32) -> Tuple {
    let address = Ipv4Addr::from_bits(0x0a00_0000 | client >> 6);
    let port = 0x8000 | (client as u16 & 63);
    Tuple::new(
        (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 80),
        (IpAddr::V4(address), port),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_is_found_under_its_own_handle() {
        let table = LookUp::default();
        let handle = |index| Handle {
            index,
            generation: 1,
        };
        for client in 0..1_000 {
            assert!(table.enter(client, handle(client)));
        }
        for client in 0..1_000 {
            assert_eq!(table.find(client), Some(handle(client)));
        }
        assert_eq!(table.find(1_000), None);
    }
}
