"""How long rows are put off: Postgres writes it down as it happens, for whoever asks later is told less."""

from collections.abc import Sequence

READ = "SELECT seconds FROM pauses ORDER BY pause_id"


def recorded(table: str, column: str) -> Sequence[str]:
    """Statements after which every change of the time in `column` to a later one than now is a row of `pauses`."""
    return (
        "CREATE TABLE pauses (pause_id bigint GENERATED ALWAYS AS IDENTITY, seconds float8)",
        f"CREATE FUNCTION write_pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"INSERT INTO pauses (seconds) SELECT extract(epoch FROM NEW.{column} - clock_timestamp()) "
        f"WHERE NEW.{column} > clock_timestamp(); RETURN NULL; END $$",
        f"CREATE TRIGGER write_pause AFTER UPDATE OF {column} ON {table} FOR EACH ROW "
        f"WHEN (NEW.{column} IS DISTINCT FROM OLD.{column}) EXECUTE FUNCTION write_pause()",
    )
