//! TcpListener and TcpStream over the Longshore NIC.
