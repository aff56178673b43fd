"""What exists and when it is made: the asset graph, one room per zone."""
