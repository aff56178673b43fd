"""What loads and deliveries of changes are compared with: each side is a script of its own process.

The scripts of peers run in a Python of their own, which has the packages of `requirements.txt` and
none of ours; so nothing but the standard library and `timed` is shared.
"""
