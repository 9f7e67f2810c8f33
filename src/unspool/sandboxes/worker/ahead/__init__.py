"""Looking ahead: the calls that a loop is going to make are sent before it reaches them.

The code of a cell runs as it was written, one call after the other. Before a loop that may
call models begins, a scout reads its syntax tree with the real variables and finds out which
calls it will make, as far as that is certain: it evaluates what is pure, and takes everything
else for unknown. Those calls are sent at once; when the code comes to one of them, name and
arguments being exactly the same, it gets the reply that is on its way, otherwise it makes the
call itself. So order, prints, exceptions and what is left behind are those of the sequence,
whatever the scout foretells.
"""
