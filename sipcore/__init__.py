"""SIP: messages, transports, transactions, proxy, registrar. Clock, sockets and randomness only in sipcore.transport."""
