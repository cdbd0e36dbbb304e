//! Ethernet, ARP, neighbour discovery, IPv4, IPv6 and ICMP without I/O and without a clock.
