"""`python -m product360_assets.cli` is the `product360` command."""

from product360_assets.cli import main

if __name__ == "__main__":
    main()
