"""`python -m spark`: see `spark.cli`."""

from spark.cli import main

if __name__ == "__main__":
    main()
