"""What takes seconds to start is shared by all rooms: engines, a database server, a whole demo."""

pytest_plugins = ["databases", "lineages", "sessions"]
