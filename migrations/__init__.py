"""The SQL files, `NNNN_name.sql`. A package only so that the wheel carries them beside `app`; it holds no code."""
