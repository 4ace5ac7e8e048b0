"""The SQL files: a number of four digits and a name. A package, so that the wheel carries them; it holds no code."""
