"""Raw: what was accepted, byte for byte, write-once, with a manifest for each batch."""
