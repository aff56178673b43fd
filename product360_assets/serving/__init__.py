"""What readers ask: named questions, answered from the published tables and kept."""
