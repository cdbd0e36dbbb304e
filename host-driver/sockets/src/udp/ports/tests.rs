use proptest::prelude::*;

use super::*;

const LOCALS: [&str; 5] = ["0.0.0.0", "192.0.2.1", "192.0.2.2", "::", "2001:db8::1"];
const REMOTES: [&str; 3] = ["198.51.100.1", "198.51.100.2", "2001:db8::9"];

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::from((ip.parse::<IpAddr>().unwrap(), port))
}

fn handle(index: usize) -> Handle {
    Handle {
        index: u32::try_from(index).unwrap(),
        generation: 1,
    }
}

/// Sockets in the order in which they came, and nothing clever.
#[derive(Default)]
struct Model(Vec<(Name, bool, Handle)>);

impl Model {
    fn bind(&mut self, local: SocketAddr, reuse: bool, handle: Handle) -> bool {
        let free = self.0.iter().all(|(name, other, _)| {
            let (a, b) = (name.local, local);
            let apart = a.port() != b.port() || a.is_ipv4() != b.is_ipv4();
            let any = a.ip().is_unspecified() || b.ip().is_unspecified();
            apart || (a.ip() != b.ip() && !any) || (reuse && *other)
        });
        if free {
            let name = Name {
                local,
                remote: None,
            };
            self.0.push((name, reuse, handle));
        }
        free
    }

    fn connect(&mut self, at: usize, to: Name) -> bool {
        let taken = self.0.iter().enumerate();
        let mut taken = taken.filter(|(other, (name, ..))| *other != at && *name == to);
        let free = taken.next().is_none();
        if free {
            self.0[at].0 = to;
        }
        free
    }

    fn find(&self, local: SocketAddr, remote: SocketAddr) -> Option<Handle> {
        let takes = self.0.iter().filter(|(name, ..)| name.takes(local, remote));
        let best = takes.enumerate().max_by_key(|(age, (name, ..))| {
            let specified = !name.local.ip().is_unspecified();
            (name.remote.is_some(), specified, *age)
        });
        best.map(|(_, (.., handle))| *handle)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Bind(usize, u16, bool),
    Connect(usize, usize, usize, u16),
    Close(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let port = 1u16..3;
    prop_oneof![
        4 => (0..LOCALS.len(), port.clone(), any::<bool>()).prop_map(|(l, p, r)| Step::Bind(l, p, r)),
        3 => (0usize..9, 0..LOCALS.len(), 0..REMOTES.len(), port).prop_map(|(s, l, r, p)| Step::Connect(s, l, r, p)),
        1 => (0usize..9).prop_map(Step::Close),
    ]
}

proptest! {
    #[test]
    fn the_exact_peer_comes_first_then_the_address_then_any(steps in proptest::collection::vec(step(), 0..40)) {
        let (ports, mut model) = (Ports::default(), Model::default());
        let held = &mut Token::root();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Bind(local, port, reuse) => {
                    let local = at(LOCALS[local], port);
                    let bound = ports.bind(held, local, reuse, handle(number));
                    prop_assert_eq!(bound, model.bind(local, reuse, handle(number)));
                }
                Step::Connect(socket, local, remote, port) if socket < model.0.len() => {
                    let (name, _, handle) = model.0[socket];
                    let own = if name.local.ip().is_unspecified() {
                        at(LOCALS[local], name.local.port())
                    } else {
                        name.local
                    };
                    let remote = at(REMOTES[remote], port);
                    if own.ip().is_unspecified() || own.is_ipv4() != remote.is_ipv4()
                        || own.is_ipv4() != name.local.is_ipv4()
                    {
                        continue;
                    }
                    let to = Name { local: own, remote: Some(remote) };
                    let renamed = ports.rename(held, handle, name, to);
                    prop_assert_eq!(renamed, model.connect(socket, to));
                }
                Step::Close(socket) if socket < model.0.len() => {
                    let (name, _, handle) = model.0.remove(socket);
                    ports.remove(held, handle, name);
                }
                Step::Connect(..) | Step::Close(_) => {}
            }
            for local in LOCALS {
                for remote in REMOTES {
                    for port in 1..3 {
                        for peer in 1..3 {
                            let (local, remote) = (at(local, port), at(remote, peer));
                            if local.ip().is_unspecified() || local.is_ipv4() != remote.is_ipv4() {
                                continue;
                            }
                            prop_assert_eq!(ports.find(held, local, remote), model.find(local, remote));
                        }
                    }
                }
            }
            prop_assert_eq!(ports.all(held).len(), model.0.len());
        }
        for (name, _, handle) in model.0 {
            ports.remove(held, handle, name);
        }
        prop_assert!(ports.all(held).is_empty());
    }
}

#[test]
fn a_group_is_everybodys_at_any_address_of_the_family() {
    let ports = Ports::default();
    let held = &mut Token::root();
    for (number, ip) in ["0.0.0.0", "192.0.2.1", "0.0.0.0", "::"].iter().enumerate() {
        assert!(ports.bind(held, at(ip, 5), true, handle(number)));
    }
    let found = ports.find_all(held, at("255.255.255.255", 0).ip(), 5);
    assert_eq!(found, [handle(0), handle(2)]);
    assert!(ports.find_all(held, at("ff02::1", 0).ip(), 6).is_empty());
}
