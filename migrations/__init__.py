"""The SQL files, each with a number of four digits and a name. A package only so that the wheel carries them beside `app`; it holds no code."""
