//! Two connections over a faulty link in virtual time.
