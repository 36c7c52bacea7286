"""``sipmesh conformance``: wire tests of single clauses against any SIP proxy or registrar. It shares no code with ours."""
