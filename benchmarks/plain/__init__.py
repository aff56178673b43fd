"""The same work without a platform: one script per engine, as somebody would write it for once."""
