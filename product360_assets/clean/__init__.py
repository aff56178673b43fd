"""Clean: typed rows by batch, each one accounted for; rejected ones set aside with a reason."""
