"""Records for how long rows are requeued. A trigger records it at once, since a later read would miss delays."""

from collections.abc import Sequence

READ = "SELECT seconds FROM pauses ORDER BY pause_id"


def recorded(table: str, column: str) -> Sequence[str]:
    """Statements that create the table and trigger. Each move of `column` into the future then adds a row."""
    return (
        "CREATE TABLE pauses (pause_id bigint GENERATED ALWAYS AS IDENTITY, seconds float8)",
        f"CREATE FUNCTION write_pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"INSERT INTO pauses (seconds) SELECT extract(epoch FROM NEW.{column} - clock_timestamp()) "
        f"WHERE NEW.{column} > clock_timestamp(); RETURN NULL; END $$",
        f"CREATE TRIGGER write_pause AFTER UPDATE OF {column} ON {table} FOR EACH ROW "
        f"WHEN (NEW.{column} IS DISTINCT FROM OLD.{column}) EXECUTE FUNCTION write_pause()",
    )
