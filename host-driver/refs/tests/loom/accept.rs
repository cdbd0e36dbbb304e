//! The accept queue of a listener: handshakes that end, accepts and a close at once.

use longshore_refs::{
    Recycle, Ref, Slab,
    accept::{AcceptQueue, Place},
    holder,
    order::{self, Ordered, Outermost, Token},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        thread,
    },
};

/// A socket that counts how often it was aborted.
#[derive(Default)]
struct Socket {
    aborts: AtomicUsize,
}

impl Recycle for Socket {
    fn recycle(&self) {}
}

struct Child {
    socket: Ref<holder::Q, Socket>,
    listener: Ref<holder::L, Listener>,
}

#[derive(Default)]
struct Listener {
    queue: Ordered<order::Listener, AcceptQueue<Child>>,
}

impl Recycle for Listener {
    fn recycle(&self) {
        let queue = self.queue.unshared();
        assert!(!queue.is_open() && queue.is_empty(), "a child was left");
        // Half-open entries go with the close, which is the table's part.
        assert_eq!(queue.reserved(), 0, "a place is promised to nobody");
    }
}

/// Children that may wait.
const BACKLOG: usize = 1;

/// Whether a child that comes too late joins a closed queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Late {
    GivenBack,
    JoinsAllTheSame,
}

struct World {
    listeners: Slab<Listener>,
    sockets: Slab<Socket>,
    handle: longshore_refs::Handle,
    /// Kept by the test, so that what became of each can be seen in the end.
    seen: Vec<Ref<holder::P, Socket>>,
    late: Late,
}

/// A listener with `half_open` handshakes that are about to end, and the program's reference to it.
fn world(half_open: usize, late: Late) -> (Arc<World>, Ref<holder::F, Listener>) {
    let listeners = Slab::new("listeners", 1, |_| Listener::default());
    let sockets = Slab::new("sockets", 2, |_| Socket::default());
    let file = listeners
        .insert(|_, listener: &Listener| {
            let mut queue = listener.queue.unshared();
            queue.open(BACKLOG);
            (0..half_open).for_each(|_| queue.begin_half_open());
        })
        .unwrap();
    let seen = (0..half_open)
        .map(|_| sockets.insert(|_, _| ()).unwrap())
        .collect();
    let handle = file.handle();
    let world = World {
        listeners,
        sockets,
        handle,
        seen,
        late,
    };
    (Arc::new(world), file)
}

impl World {
    /// A handshake is over. True if its half-open entry is gone.
    fn promote(&self, which: usize) -> bool {
        let held = &mut Token::root();
        let Some(listener) = self.listeners.acquire::<holder::L>(self.handle) else {
            return true;
        };
        match held.with(&listener.queue, AcceptQueue::reserve) {
            Place::Reserved => {}
            Place::Full => return false,
            Place::Closed => return true,
        }
        let entered = listener.duplicate::<holder::X>();
        let child = Child {
            socket: self.seen[which].duplicate(),
            listener,
        };
        let refused = held.with(&entered.queue, |queue| {
            queue.end_half_open();
            let open = queue.is_open() || self.late == Late::JoinsAllTheSame;
            let refused = queue.enter_if(open, child).err();
            // Invariants 14 and 15: no more than the backlog, promised places included.
            assert!(queue.len() + queue.reserved() <= BACKLOG);
            refused
        });
        drop(entered);
        if let Some(child) = refused {
            abort(held, child);
        }
        true
    }

    fn accept(&self, listener: &Listener) -> Option<Ref<holder::F, Socket>> {
        let child = Token::root().with(&listener.queue, AcceptQueue::accept)?;
        drop(child.listener);
        Some(child.socket.transfer())
    }

    fn close(&self, listener: Ref<holder::F, Listener>) -> usize {
        let held = &mut Token::root();
        let children = held.with(&listener.queue, AcceptQueue::close);
        drop(listener);
        let aborted = children.len();
        children.into_iter().for_each(|child| abort(held, child));
        aborted
    }

    fn aborts(&self, which: usize) -> usize {
        self.seen[which].aborts.load(Ordering::Relaxed)
    }
}

/// Invariant 8: no lock is held, which the token shows, and the back reference goes first.
fn abort(_held: &mut Token<'_, impl Outermost>, child: Child) {
    drop(child.listener);
    child.socket.aborts.fetch_add(1, Ordering::Relaxed);
}

/// A handshake ends while the listener closes: the child is aborted once, by one of the two, or was never made. Returns
/// whether a child was ever left in the queue that nobody looks at any more.
fn is_a_child_left_at_the_close(late: Late) -> bool {
    // Told to the test, not between the threads of the model; loom cannot unwind out of a failed model.
    let left = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let found = std::sync::Arc::clone(&left);
    loom::model(move || {
        let (world, file) = world(1, late);
        let other = Arc::clone(&world);
        let promoter = thread::spawn(move || other.promote(0));
        let taken = world.close(file);
        assert!(promoter.join().unwrap());
        // Invariant 7: aborted at most once, and by the close if that took it.
        assert!(taken <= world.aborts(0) && world.aborts(0) <= 1);
        if let Some(listener) = world.listeners.get(world.handle) {
            found.store(true, Ordering::Relaxed);
            drop(world.accept(&listener));
        }
        // Invariant 4: Q and L are gone.
        assert_eq!((world.seen[0].count(), world.listeners.live()), (1, 0));
    });
    left.load(Ordering::Relaxed)
}

#[test]
fn race_02_a_child_that_comes_while_its_listener_closes_is_aborted_by_one_of_them() {
    assert!(!is_a_child_left_at_the_close(Late::GivenBack));
}

#[test]
fn race_02_is_found_by_loom_if_a_child_joins_a_closed_queue() {
    assert!(is_a_child_left_at_the_close(Late::JoinsAllTheSame));
}

/// Accept and close of a clone of the listener, with a child in the queue: one of the two has it.
#[test]
fn race_01_a_child_is_the_accepts_or_the_closes() {
    loom::model(|| {
        let (world, file) = world(1, Late::GivenBack);
        assert!(world.promote(0));
        let other = Arc::clone(&world);
        let clone = file.duplicate::<holder::X>();
        let acceptor = thread::spawn(move || {
            let accepted = other.accept(&clone);
            drop(clone);
            // Q became F: the socket is kept by it, and nobody aborts it.
            if let Some(socket) = &accepted {
                assert_eq!(socket.aborts.load(Ordering::Relaxed), 0);
                assert_eq!(socket.count(), 2);
            }
            accepted.is_some()
        });
        let taken = world.close(file);
        let accepted = acceptor.join().unwrap();
        assert_eq!(usize::from(accepted) + taken, 1);
        assert_eq!(world.aborts(0), taken);
        assert_eq!((world.seen[0].count(), world.listeners.live()), (1, 0));
    });
}

/// Two owners complete a handshake each and there is one place: one child, and the other half-open entry stays.
#[test]
fn race_04_two_handshakes_that_end_at_one_place() {
    loom::model(|| {
        let (world, file) = world(2, Late::GivenBack);
        let other = Arc::clone(&world);
        let second = thread::spawn(move || other.promote(1));
        let first = world.promote(0);
        let second = second.join().unwrap();
        assert!(first != second, "one place, one child");
        let (len, half_open) = Token::root().with(&file.queue, |queue| {
            (queue.len() + queue.reserved(), queue.half_open())
        });
        assert_eq!((len, half_open), (1, 1));
        let socket = world.accept(&file).unwrap();
        assert_eq!(world.sockets.live(), 2);
        drop(socket);
        Token::root().with(&file.queue, AcceptQueue::end_half_open);
        assert_eq!(world.close(file), 0);
    });
}

/// A handshake ends, another program accepts, a third closes.
#[test]
fn race_22_a_handshake_that_ends_an_accept_and_a_close() {
    let mut model = loom::model::Builder::new();
    // Three threads: every schedule with up to this many forced switches.
    model.preemption_bound = Some(3);
    model.check(|| {
        let (world, file) = world(1, Late::GivenBack);
        let clone = file.duplicate::<holder::X>();
        let (one, two) = (Arc::clone(&world), Arc::clone(&world));
        let promoter = thread::spawn(move || one.promote(0));
        let acceptor = thread::spawn(move || {
            let accepted = two.accept(&clone);
            drop(clone);
            usize::from(accepted.is_some())
        });
        let taken = world.close(file);
        assert!(promoter.join().unwrap());
        let accepted = acceptor.join().unwrap();
        assert!(accepted + taken <= 1 && accepted + world.aborts(0) <= 1);
        assert_eq!((world.seen[0].count(), world.listeners.live()), (1, 0));
    });
}
