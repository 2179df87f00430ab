"""What the tests under fire are made of.

``hatchery`` starts the command line in milliseconds, as processes of their own; ``plugins`` and
``saboteurs`` are loaded into them before the command runs. ``weather`` is a script of faults
as data, ``proxy`` plays it on real sockets before a stand-in. A ``trial`` puts shop, program and Privy
together; the ``oracle`` judges it by what arrived, and by the shop.
"""
